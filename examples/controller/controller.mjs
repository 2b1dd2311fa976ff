// A controller whose informer runs only while it leads: keeps a copy `NAME-copy` of every ConfigMap that
// is labelled `example.com/copy=true`.
//
// Environment: NAMESPACE, and KUBECONFIG outside of a cluster.
import * as k8s from "@kubernetes/client-node";
import { LeaderElector } from "k8s-await-election";

const { NAMESPACE: namespace = "default" } = process.env;
const labelSelector = "example.com/copy=true";

const shutdown = new AbortController();
process.once("SIGTERM", () => shutdown.abort(new Error("SIGTERM")));

const kubeConfig = new k8s.KubeConfig();
kubeConfig.loadFromDefault();
const api = kubeConfig.makeApiClient(k8s.CoreV1Api);
const elector = new LeaderElector({
  lease: { namespace, name: "copy-controller" },
  kubeConfig,
  logger: console,
});

try {
  await elector.campaign(control, { signal: shutdown.signal, rejoin: true });
} catch (error) {
  if (error !== shutdown.signal.reason) throw error;
}

/** Runs from the first event to the end of the term; nothing of it is left after that. */
async function control(term) {
  const informer = k8s.makeInformer(
    kubeConfig,
    `/api/v1/namespaces/${namespace}/configmaps`,
    () => api.listNamespacedConfigMap({ namespace, labelSelector }),
    labelSelector,
  );
  /** One reconciliation at a time, so that none outlives the term. */
  let working = Promise.resolve();
  const enqueue = (source) => {
    working = working.then(() => reconcile(source, term)).catch((error) => console.error(error));
  };
  informer.on("add", enqueue);
  informer.on("update", enqueue);
  informer.on("error", (error) => {
    console.error(String(error));
    if (!term.signal.aborted) setTimeout(() => term.isHeld() && informer.start(), 1000);
  });
  await informer.start();
  console.log("informer started");
  await new Promise((resolve) => {
    term.signal.addEventListener("abort", resolve, { once: true });
    if (term.signal.aborted) resolve();
  });
  await informer.stop();
  await working;
  console.log("informer stopped");
}

async function reconcile(source, term) {
  // What is not begun is left to the next leader.
  if (!term.isHeld()) return;
  const name = `${source.metadata.name}-copy`;
  const copy = { metadata: { name }, data: { ...source.data, copiedBy: elector.identity } };
  const found = await api.readNamespacedConfigMap({ name, namespace }).catch((error) => {
    if (error.code === 404) return undefined;
    throw error;
  });
  if (found === undefined) {
    await api.createNamespacedConfigMap({ namespace, body: copy });
  } else {
    // With the version that was read: whoever wrote since, a new leader maybe, is not overwritten.
    const metadata = { name, resourceVersion: found.metadata.resourceVersion };
    await api.replaceNamespacedConfigMap({ name, namespace, body: { ...copy, metadata } });
  }
  console.log(`copied ${source.metadata.name}`);
}
