use super::testing::*;
use crate::timer;

#[test]
fn abandon_of_a_watch_stops_it_between_two_lines_of_one_chunk() {
    run(async {
        let lines = "line\n".repeat(100);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{lines}");
        let client = Client::to(serve(vec![Act::Hear, say(&head)]).await.port).await;
        client.watch();
        for _ in 0..4 {
            client.next().await;
        }
        client.api.abandon("w");
        timer::sleep(50.0).await;
        let left = std::iter::from_fn(|| client.taken()).count();
        assert!(left <= 1, "{left} more");
    });
}
