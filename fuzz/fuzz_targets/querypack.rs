//! Querypacks: every string of the tree lies in the input, and a tree is no larger than its text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::codec::querypack::{
    Attribute, Field, FieldKind, Node, NodeType, Schema, Strings, Value, parse, put_text, unescape,
};

fuzz_target!(|text: &str| {
    let Ok(tree) = parse(text, &["bel.7".into()], &schema()) else {
        return;
    };
    let mut nodes = 0;
    tree.roots
        .iter()
        .for_each(|node| walk(node.as_ref(), text, &mut nodes));
    assert!(
        nodes <= text.len() * 40,
        "more nodes than the text could hold"
    );
});

fn walk(node: Option<&Node>, text: &str, nodes: &mut usize) {
    *nodes += 1;
    for value in node.map_or(&[][..], |node| &node.values) {
        match value {
            Value::Text(range) => {
                let mut plain = String::new();
                unescape(&text[range.clone()], &mut plain);
                let mut again = String::new();
                put_text(&plain, &mut again);
                assert_eq!(
                    &again[1..],
                    &text[range.clone()],
                    "a text does not come back"
                );
            }
            Value::Number(range) => assert!(!text[range.clone()].is_empty()),
            Value::Nodes(list) => list
                .iter()
                .for_each(|node| walk(node.as_ref(), text, nodes)),
            Value::Missing | Value::Null => {}
        }
    }
}

fn schema() -> Schema {
    let node = |id: &str, kinds: &[FieldKind], attribute, strings| NodeType {
        id: id.into(),
        name: id.into(),
        fields: kinds
            .iter()
            .map(|kind| Field {
                name: "f".into(),
                kind: *kind,
            })
            .collect(),
        attribute,
        strings,
    };
    use FieldKind::{Node, Nodes, Number, Text};
    Schema {
        nodes: vec![
            node("1", &[Nodes, Number, Text, Node], None, Strings::Own),
            node("2", &[Nodes, Number, Text], None, Strings::OwnBelow),
            node("5", &[Text, Text], Some(Attribute::Text), Strings::Shared),
            node("b", &[Number, Number], None, Strings::Shared),
        ],
    }
}
