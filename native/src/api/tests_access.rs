use super::Access;
use super::testing::*;
use serde_json::json;
use std::fs;

#[test]
fn n14_request_reads_the_token_again_after_a_401_and_keeps_the_old_one_secret() {
    run(async {
        let server = serve(times(3, &[Act::Hear, answer(401, "", "{}")])).await;
        let folder = folder();
        let file = folder.join("config");
        let write = |token: &str| {
            let config = json!({
                "current-context": "c",
                "clusters": [{ "name": "c", "cluster": {
                    "server": format!("http://127.0.0.1:{}", server.port) } }],
                "users": [{ "name": "u", "user": { "token": token } }],
                "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
            });
            fs::write(&file, config.to_string()).unwrap();
        };
        write("first");
        let path = file.to_str().unwrap().to_owned();
        let environment = |name: &str| (name == "KUBECONFIG").then(|| path.clone());
        let access = Access::of(&environment).await;
        assert_eq!(access.problem, None);
        let client = Client::of(access);
        write("second");
        assert_eq!(said(&client.get().await), "401 {}");
        client.get().await;
        let sent: Vec<_> = server
            .heard
            .borrow()
            .iter()
            .map(|it| it.contains("second"))
            .collect();
        assert_eq!(sent, [false, true]);
        assert_eq!(client.access.secrets(), ["second", "first"]);
    });
}

#[test]
fn of_prefers_our_kubeconfig_then_the_pod_then_kubeconfig() {
    run(async {
        let all = [
            ("K8S_AWAIT_ELECTION_KUBECONFIG", "/nowhere/own"),
            ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
            ("KUBERNETES_SERVICE_PORT", "443"),
            ("K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR", "/nowhere/pod"),
            ("KUBECONFIG", "/nowhere/common"),
        ];
        for (skipped, expected) in [
            (0, "Cannot use the kubeconfig \"/nowhere/own\": ENOENT"),
            (
                1,
                "Cannot read /nowhere/pod/token: ENOENT, no service account is mounted; set ",
            ),
            (4, "Cannot use the kubeconfig \"/nowhere/common\": ENOENT"),
            (
                5,
                "Cannot find the API server: KUBERNETES_SERVICE_HOST and ",
            ),
        ] {
            let find = |name: &str| all[skipped..].iter().find(|(known, _)| *known == name);
            let environment = |name: &str| find(name).map(|(_, value)| (*value).to_owned());
            let access = Access::of(&environment).await;
            let problem = access.problem.clone().unwrap();
            assert!(problem.starts_with(expected), "{problem}");
            let Err(again) = access.server().await else {
                panic!("no credentials, yet a server")
            };
            assert_eq!(again, problem);
        }
    });
}
