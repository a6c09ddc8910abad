//! The size of a JSON text, told before anything is made of it: in memory a value may take a hundred times its text.

/// At least as many bytes has the text when written compactly: without blanks, each number as one digit, and what is
/// escaped as one byte. Of a text that is no JSON it says nothing.
pub(crate) fn least_bytes(text: &str) -> usize {
    let (mut count, mut in_string, mut in_word) = (0, false, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let blank = !in_string && matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let word = !in_string && !blank && !matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"');
        match byte {
            b'\\' if in_string => {
                if bytes.next() == Some(b'u') {
                    bytes.nth(3);
                }
                count += 1;
            }
            b'"' => {
                in_string = !in_string;
                count += 1;
            }
            _ if blank || (word && in_word) => {}
            _ => count += 1,
        }
        in_word = word;
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_has_no_shorter_form_is_counted_as_it_is() {
        for text in ["0", "[0,[],{}]", r#"{"a":{"b":1}}"#, r#""äb""#] {
            assert_eq!(least_bytes(text), text.len(), "{text}");
        }
    }

    #[test]
    fn what_a_compact_text_does_not_have_is_not_counted() {
        for (text, least) in [
            (" [ 1 ,\n2 ]\t", "[1,2]".len()),
            ("[1.00000, true]", "[1,t]".len()),
            (r#"" a\u0041\"\\ ""#, r#"" aA"\ ""#.len()),
            (r#""\ud83d\ude00""#, r#""😀""#.len() - 2),
        ] {
            assert_eq!(least_bytes(text), least, "{text}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            let list = prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from);
            prop_oneof![list, prop::collection::btree_map(".*", inner, 0..6).prop_map(|map| json!(map))]
        })
    }

    proptest! {
        #[test]
        fn no_value_has_a_shorter_text_than_is_told_of_any_of_its_texts(value in value()) {
            let compact = value.to_string();
            prop_assert!(least_bytes(&compact) <= compact.len());
            prop_assert!(least_bytes(&serde_json::to_string_pretty(&value).unwrap()) <= compact.len());
        }
    }
}
