//! The files of a kubeconfig, joined as kubectl joins them: of two entries with one name the first
//! counts, and so does the first current context.
use super::error_text::code_of;
use super::small_file::{FileTrouble, read_text};
use super::yaml::{Node, parse};
use std::path::{Path, PathBuf};

const LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// An entry of a list such as `clusters`.
pub struct Entry {
    name: String,
    /// What stands under `cluster`, `user` or `context`.
    pub value: Node,
    /// From where relative paths in it count.
    pub folder: PathBuf,
}

#[derive(Default)]
pub struct Files {
    pub current_context: String,
    contexts: Vec<Entry>,
    clusters: Vec<Entry>,
    users: Vec<Entry>,
}

impl Files {
    /// The paths have colons between them. Fails with a text that quotes nothing of a file.
    pub fn read(paths: &str) -> Result<Self, String> {
        let mut files = Self::default();
        for path in paths.split(':').filter(|path| !path.is_empty()) {
            let text = read_file(path)?;
            let node = parse(&text).map_err(|line| format!("it is no YAML at line {line}"))?;
            let folder = Path::new(path).parent().unwrap_or(Path::new(""));
            files.add(&node, folder);
        }
        Ok(files)
    }

    pub fn context(&self, name: &str) -> Option<&Entry> {
        find(&self.contexts, name)
    }

    pub fn cluster(&self, name: &str) -> Option<&Entry> {
        find(&self.clusters, name)
    }

    pub fn user(&self, name: &str) -> Option<&Entry> {
        find(&self.users, name)
    }

    fn add(&mut self, node: &Node, folder: &Path) {
        if self.current_context.is_empty() {
            self.current_context = node.text("current-context").unwrap_or_default().to_owned();
        }
        for (entries, list, key) in [
            (&mut self.contexts, "contexts", "context"),
            (&mut self.clusters, "clusters", "cluster"),
            (&mut self.users, "users", "user"),
        ] {
            entries.extend(node.field(list).items().iter().map(|item| Entry {
                name: item.text("name").unwrap_or_default().to_owned(),
                value: item.field(key).clone(),
                folder: folder.to_owned(),
            }));
        }
    }
}

fn find<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.name == name)
}

fn read_file(path: &str) -> Result<String, String> {
    read_text(Path::new(path), LIMIT_BYTES).map_err(|trouble| match trouble {
        FileTrouble::NotRegular { is_folder: true } => format!("EISDIR: {path} is a folder"),
        other => explain(&other, path),
    })
}

/// Why a file of the kubeconfig, or one that it names, cannot be read.
pub fn explain(trouble: &FileTrouble, path: &str) -> String {
    match trouble {
        FileTrouble::Io(error) => format!("{}: cannot read {path}", code_of(error)),
        FileTrouble::NotRegular { .. } => format!("{path} is not a regular file"),
        FileTrouble::TooLong { limit_bytes } => {
            format!("{path} is longer than {limit_bytes} bytes")
        }
        FileTrouble::Empty => format!("{path} is empty"),
    }
}
