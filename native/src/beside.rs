/// What an import of `name` in the module `base` means: `../a.ts` in `b/c/d.ts` is `b/a.ts`.
fn beside(base: &str, name: &str) -> String {
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}
