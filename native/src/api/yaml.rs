//! The part of YAML that configuration is written in. The tree is built here, from the parser's
//! events, because an alias must not multiply and a deep nesting must not exhaust the stack.
use std::collections::HashMap;
use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::TScalarStyle;

/// A kubeconfig of a thousand clusters has a tenth of it.
const MAX_NODES: usize = 200_000;
const MAX_DEPTH: usize = 64;

/// A scalar is the text as it was written: types are a matter of who reads it.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Null,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The field of this name; `Null` where there is none.
    pub fn field(&self, name: &str) -> &Node {
        let Node::Map(fields) = self else {
            return &Node::Null;
        };
        fields
            .iter()
            .find(|(key, _)| key == name)
            .map_or(&Node::Null, |(_, value)| value)
    }

    /// The text of this field; `None` where it is empty too.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.field(name) {
            Node::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    pub fn items(&self) -> &[Node] {
        if let Node::List(items) = self {
            items
        } else {
            &[]
        }
    }

    fn size(&self) -> usize {
        match self {
            Node::Null | Node::Text(_) => 1,
            Node::List(items) => 1 + items.iter().map(Node::size).sum::<usize>(),
            Node::Map(fields) => 1 + fields.iter().map(|(_, it)| 1 + it.size()).sum::<usize>(),
        }
    }
}

/// The first document, or `Null` where there is none. Fails with the line that is no YAML, and not
/// with its text, which may be a secret.
pub fn parse(text: &str) -> Result<Node, usize> {
    let mut parser = Parser::new_from_str(text);
    let mut tree = Tree::default();
    loop {
        let (event, mark) = parser.next_token().map_err(|error| error.marker().line())?;
        if matches!(event, Event::DocumentEnd | Event::StreamEnd) {
            return Ok(tree.root.unwrap_or(Node::Null));
        }
        tree.take(event).ok_or(mark.line())?;
    }
}

/// A list or map that has begun and not ended; a map's key waits for its value.
struct Open {
    node: Node,
    key: Option<String>,
    anchor: usize,
}

#[derive(Default)]
struct Tree {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl Tree {
    /// `None` when the document is larger or deeper than any kubeconfig, or says something twice.
    fn take(&mut self, event: Event) -> Option<()> {
        match event {
            Event::SequenceStart(anchor, _) => self.begin(Node::List(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => self.begin(Node::Map(Vec::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => {
                let Open { node, anchor, .. } = self.open.pop()?;
                self.add(node, anchor)
            }
            Event::Scalar(text, style, anchor, _) => self.add(scalar(text, style), anchor),
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor)?;
                self.nodes += node.size();
                if self.nodes > MAX_NODES {
                    return None;
                }
                self.add(node.clone(), 0)
            }
            _ => Some(()),
        }
    }

    fn begin(&mut self, node: Node, anchor: usize) -> Option<()> {
        self.open.push(Open {
            node,
            key: None,
            anchor,
        });
        (self.open.len() <= MAX_DEPTH).then_some(())
    }

    fn add(&mut self, node: Node, anchor: usize) -> Option<()> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return None;
        }
        if anchor > 0 {
            self.nodes += node.size();
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root.get_or_insert(node);
            return Some(());
        };
        match (&mut parent.node, parent.key.take(), node) {
            (Node::List(items), _, node) => items.push(node),
            (Node::Map(fields), Some(key), node) => fields.push((key, node)),
            (Node::Map(fields), None, Node::Text(key)) => {
                if fields.iter().any(|(known, _)| *known == key) {
                    return None;
                }
                parent.key = Some(key);
            }
            _ => return None,
        }
        Some(())
    }
}

fn scalar(text: String, style: TScalarStyle) -> Node {
    let is_null = style == TScalarStyle::Plain
        && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
    if is_null {
        Node::Null
    } else {
        Node::Text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_blocks_flows_and_json() {
        for text in [
            "a:\n- b: 'x'\n  c: 007 # no number\n- ~\nd: {e: [\"\", y]}\n",
            r#"{"a":[{"b":"x","c":"007"},null],"d":{"e":["","y"]}}"#,
            "---\na: &l [&m {b: x, c: 007}, null]\nd:\n  e:\n  - ''\n  - y\n---\nother",
        ] {
            let node = parse(text).unwrap();
            assert_eq!(node.field("a").items()[0].text("b"), Some("x"));
            assert_eq!(node.field("a").items()[0].text("c"), Some("007"));
            assert_eq!(node.field("a").items()[1], Node::Null);
            assert_eq!(
                node.field("d").field("e").items()[1],
                Node::Text("y".into())
            );
            assert_eq!(node.text("absent"), None);
        }
        assert_eq!(parse("a: &x 1\nb: *x").unwrap().text("b"), Some("1"));
        assert_eq!(parse(""), Ok(Node::Null));
    }

    #[test]
    fn parse_tells_the_line_of_what_is_no_yaml() {
        for (text, line) in [
            ("a: 1\nb: *unknown\n", 2),
            ("a: [1,\n", 2),
            ("a: 1\na: 2\n", 2),
            ("a: 'x\n", 1),
        ] {
            assert_eq!(parse(text), Err(line), "{text}");
        }
    }

    #[test]
    fn parse_refuses_what_would_grow_without_end() {
        let deep = "[".repeat(100_000);
        assert!(parse(&deep).is_err());
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_string();
        for level in 1..20 {
            let former = format!("*a{}, ", level - 1).repeat(9);
            laughs += &format!("a{level}: &a{level} [{former}*a{}]\n", level - 1);
        }
        assert!(parse(&laughs).is_err());
    }
}
