/**
 * The rules of this tree that no compiler knows: who may import whom, that the core is pure, that
 * files and functions stay small, and that nothing of one machine is written down.
 *
 * Each rule is a function from sources to complaints, is asked about the whole tree, and has to
 * complain about a planted source.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import { layers } from "./layers.ts";

interface Source {
  /** From the root of the project on, such as `src/core/lease.ts`. */
  readonly path: string;
  readonly text: string;
}

type Rule = (source: Source) => readonly string[];

/** What would make a step depend on more than its arguments, or end later than it returns. */
const impure: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ["Intl process console performance crypto fetch Buffer URL", "belongs to a host"],
    ["setTimeout setInterval setImmediate queueMicrotask", "there is one deadline: wakeAt()"],
    ["Promise globalThis structuredClone", "a step ends when it returns"],
    ["random", "chance comes in as the seed"],
    ["now", "time comes in with each report"],
    ["toLocaleString toLocaleDateString toLocaleTimeString", "differs between machines"],
    ["toLocaleLowerCase toLocaleUpperCase localeCompare", "differs between machines"],
  ].flatMap(([names = "", why = ""]) => names.split(" ").map((name) => [name, why])),
);

const root = join(import.meta.dirname, "../..");
const sources = ["src", "test", "demo", "bench", "native/build"].flatMap((folder) =>
  sourcesIn(folder, ".ts"),
);
const rust = sourcesIn("native/src", ".rs");
const documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
const texts = ["package.json", "package-lock.json", ".npmrc", ...documents].map(sourceAt);

const planted: readonly (readonly [rule: Rule, complaint: RegExp, path: string, text: string])[] = [
  [layering, /program\.ts is in the corridor/, "src/core/lease.ts", 'import "./program.ts";'],
  [layering, /routing's room/, "src/core/command.ts", 'export * from "./routing.ts";'],
  [layering, /imports node:fs/, "src/core/json.ts", 'const fs = await import("node:fs");'],
  [layering, /in the vocabulary/, "src/api-server/verbs.ts", 'import "../core/json.ts";'],
  [layering, /imports node:fs/, "src/api-server/store.ts", 'import "node:fs";'],
  [layering, /election's room/, "src/node/host.ts", 'import "../core/lease.ts";'],
  [layering, /imports left-pad/, "src/node/host.ts", 'import "left-pad";'],
  [layering, /test\/run\.ts is in no layer/, "src/cli.ts", 'import "../test/run.ts";'],
  [layering, /is in no layer/, "src/attic/x.ts", ""],
  [purity, /time comes in/, "src/core/x.ts", "const at = Date.now();"],
  [purity, /time comes in/, "src/core/x.ts", "const at = new Date();"],
  [purity, /chance comes in/, "src/core/x.ts", "const { random } = Math;"],
  [purity, /belongs to a host/, "src/core/x.ts", "console.log(1);"],
  [purity, /one deadline/, "src/core/x.ts", "setTimeout(f, 1);"],
  [purity, /differs between/, "src/core/x.ts", '"a".localeCompare("b");'],
  [layering, /imports node:os/, "src/library/program/x.ts", 'import "node:os";'],
  [purity, /time comes in/, "src/library/program/x.ts", "const at = Date.now();"],
  [purity, /returns/, "src/core/x.ts", "async function f() {}"],
  [purity, /returns/, "src/core/x.ts", "for await (const a of b) f(a);"],
  [purity, /returns/, "src/core/x.ts", "function f() { using a = b; }"],
  [smallFile, /301 lines/, "src/x.ts", "\n".repeat(301)],
  [smallFunctions, /f has 71 lines/, "src/x.ts", `function f() {${"\n1;".repeat(70)}}`],
  [smallFunctions, /71 lines/, "src/x.ts", `const f = () => {${"\n1;".repeat(70)}};`],
  [noAddress, /download/, "package-lock.json", '"resolved": "https://registry.example/a.tgz"'],
  [noMachine, /path of one machine/, "test/x.ts", ["", "home", "me", "x"].join("/")],
  [noMachine, /path of one machine/, "package.json", ["", "root", ".npm"].join("/")],
];

test("each file imports only what its layer may know", () => assertTidy(sources, layering));
test("the core and the library's program are pure", () => assertTidy(sources, purity));
test("no file is longer than 300 lines", () => assertTidy([...sources, ...rust], smallFile));
test("no function is longer than 70 lines", () => assertTidy(sources, smallFunctions));
test("the lock file holds no download addresses", () => assertTidy(texts, noAddress));
test("no file names a path of one machine", () =>
  assertTidy([...sources, ...rust, ...texts], noMachine));

for (const [rule, complaint, path, text] of planted) {
  test(`${rule.name}() complains of ${path}: ${text.trim().slice(0, 40)}`, () => {
    assert.match(rule({ path, text }).join("\n"), complaint);
  });
}

function assertTidy(all: readonly Source[], rule: Rule): void {
  assert.ok(all.length > 3);
  assert.deepEqual(all.flatMap(rule), []);
}

function layering({ path, text }: Source): string[] {
  if (!path.startsWith("src/")) return [];
  const name = layerOf(path);
  const layer = layers[name];
  if (layer === undefined) return [`${path} is in no layer of tidy.test.ts`];
  return importsOf(path, text).flatMap((imported) => {
    if (!imported.startsWith(".")) {
      const known = layer.packages?.some((one) => imported === one || startsAs(imported, one));
      return known ? [] : [`${path} imports ${imported}, which ${name} may not`];
    }
    const target = posix.join(posix.dirname(path), imported);
    const found = layerOf(target);
    if (found === name || layer.imports.includes(found)) return [];
    return [`${path} is in ${name}, and ${target} is in ${found}`];
  });
}

/** A file's own entry counts more than its folder's. */
function layerOf(path: string): string {
  const names = Object.keys(layers);
  return (
    names.find((name) => layers[name]?.files.includes(path)) ??
    names.find((name) => layers[name]?.files.some((file) => isIn(path, file))) ??
    "no layer"
  );
}

function isIn(path: string, folder: string): boolean {
  return folder.endsWith("/") && path.startsWith(folder);
}

function startsAs(imported: string, one: string): boolean {
  return one.endsWith(":") && imported.startsWith(one);
}

function importsOf(path: string, text: string): string[] {
  const found: string[] = [];
  walk(parse(path, text), (node) => {
    const isStatic = ts.isImportDeclaration(node) || ts.isExportDeclaration(node);
    const isCall =
      ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
    const target = isStatic ? node.moduleSpecifier : isCall ? node.arguments[0] : undefined;
    if (target !== undefined && ts.isStringLiteral(target)) found.push(target.text);
  });
  return found;
}

function purity({ path, text }: Source): string[] {
  if (!/^src\/(core|library\/program)\//.test(path)) return [];
  const complaints: string[] = [];
  walk(parse(path, text), (node) => {
    const why = impurityOf(node);
    if (why !== undefined) complaints.push(`${path}: ${node.getText().slice(0, 60)}: ${why}`);
  });
  return complaints;
}

function impurityOf(node: ts.Node): string | undefined {
  if (ts.isNewExpression(node) && node.expression.getText() === "Date") {
    return node.arguments?.length === 1 ? undefined : impure["now"];
  }
  const isAsync = node.kind === ts.SyntaxKind.AsyncKeyword;
  const waits = ts.isAwaitExpression(node) || node.kind === ts.SyntaxKind.AwaitKeyword;
  const closesLater = ts.isVariableDeclarationList(node) && (node.flags & ts.NodeFlags.Using) === 4;
  if (isAsync || waits || closesLater) return impure["Promise"];
  if (!ts.isIdentifier(node) || !Object.hasOwn(impure, node.text)) return undefined;
  return isOwnName(node) ? undefined : impure[node.text];
}

/** `now` and `process` are good names for our own things; taken from `Date` or `Math` they are not. */
function isOwnName({ text, parent }: ts.Identifier): boolean {
  if (ts.isPropertyAccessExpression(parent) && parent.name.text === text) {
    return !/^(Date|Math)$/.test(parent.expression.getText()) && !/locale/i.test(text);
  }
  if (ts.isBindingElement(parent)) {
    const initializer = parent.parent.parent;
    return !/= (Date|Math)$/.test(initializer.getText());
  }
  return text === "now" || text === "random" || ts.isPropertySignature(parent);
}

function smallFile({ path, text }: Source): string[] {
  const lines = text.trimEnd() === "" ? text.split("\n").length - 1 : lineCount(text);
  return path.endsWith(".ts") && lines > 300 ? [`${path} has ${lines} lines`] : [];
}

/** Of the sources: a suite of tests is one function, however many tests it lists. */
function smallFunctions({ path, text }: Source): string[] {
  if (!path.startsWith("src/")) return [];
  const complaints: string[] = [];
  walk(parse(path, text), (node) => {
    if (!ts.isFunctionLike(node)) return;
    const lines = codeLines(node.getText());
    const name = node.name?.getText() ?? "a function";
    if (lines > 70) complaints.push(`${path}: ${name} has ${lines} lines`);
  });
  return complaints;
}

function noAddress({ path, text }: Source): string[] {
  return path === "package-lock.json" && text.includes('"resolved"')
    ? ["package-lock.json holds download addresses: see omit-lockfile-registry-resolved in .npmrc"]
    : [];
}

function noMachine({ path, text }: Source): string[] {
  const [found] = /(?<![\w.])\/(?:work|root|home|Users)\/[\w.]*/.exec(text) ?? [];
  return found === undefined ? [] : [`${path} names ${found}, a path of one machine`];
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => walk(child, visit));
}

function lineCount(text: string): number {
  return text.trimEnd().split("\n").length;
}

/** Without blank lines and comments, as the linter counts. */
function codeLines(text: string): number {
  return text.split("\n").filter((line) => !/^\s*($|\/\/|\/\*|\*)/.test(line)).length;
}

function sourcesIn(folder: string, ending: string): Source[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(ending)).map((name) => sourceAt(`${folder}/${name}`));
}

function sourceAt(path: string): Source {
  return { path, text: readFileSync(join(root, path), "utf8") };
}
