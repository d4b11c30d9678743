//! What files beside a checkpoint say of it: whole numbers of `config.json` (Hugging Face) and `params.json` (Meta).

use super::open::contained;
use super::sys;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use std::collections::BTreeMap;
use std::path::Path;

/// Files that are asked.
pub const FILES: [&str; 2] = ["config.json", "params.json"];

/// Largest file that is read: published ones have a few kilobytes, with long tables of labels some hundred.
const LARGEST: u64 = 1 << 20;

/// Facts of one file at most.
const MOST: usize = 256;

/// The whole numbers that stand at the top of the files in a directory, as `config.json:hidden_size`.  A file that is
/// missing, too large, no regular file or no JSON says nothing: whoever needs a number tells where it was looked for.
pub fn facts(directory: &Path) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for file in FILES {
        let Some(Facts(numbers)) = text(directory, file).and_then(|text| serde_json::from_slice(&text).ok()) else {
            continue;
        };
        out.extend(numbers.into_iter().map(|(name, number)| (format!("{file}:{name}"), number.to_string())));
    }
    out
}

/// The bytes of a file of the directory.
fn text(directory: &Path, name: &str) -> Option<Vec<u8>> {
    let path = contained(directory, name).ok()?;
    let file = sys::open_at_once(&path).ok()?;
    let metadata = file.metadata().ok().filter(|metadata| metadata.is_file() && metadata.len() <= LARGEST)?;
    let mut text = vec![0; metadata.len() as usize];
    let count = sys::read_full(&file, 0, &mut text).ok()?;
    text.truncate(count);
    Some(text)
}

/// The numbers of a JSON object; everything else in it is passed over without being kept.
struct Facts(BTreeMap<String, u64>);

impl<'de> Deserialize<'de> for Facts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Facts, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Facts;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Facts, A::Error> {
                let mut out = BTreeMap::new();
                while let Some((name, Number(number))) = map.next_entry::<String, Number>()? {
                    // A name that stands there twice says nothing that can be trusted.
                    let known = out.len() < MOST || out.contains_key(&name);
                    if let Some(number) = number.filter(|_| known)
                        && out.insert(name.clone(), Some(number)).is_some()
                    {
                        out.insert(name, None);
                    }
                }
                Ok(Facts(out.into_iter().filter_map(|(name, number)| Some((name, number?))).collect()))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A whole number, or anything else.
struct Number(Option<u64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        struct Anything;
        impl<'de> Visitor<'de> for Anything {
            type Value = Number;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a value")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(Some(number)))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_str<E>(self, _: &str) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_unit<E>(self) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Number, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Number(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Number, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Number(None))
            }
        }
        deserializer.deserialize_any(Anything)
    }
}

#[cfg(test)]
mod tests {
    use super::facts;

    /// The facts of a `config.json`, one a word.
    #[track_caller]
    fn check(text: &[u8], expected: &str) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("config.json"), text).expect("a file");
        let found = facts(folder.path());
        let found: Vec<String> = found.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn whole_numbers() {
        check(
            br#"{"hidden_size": 4096, "num_attention_heads": 32}"#,
            "config.json:hidden_size=4096 config.json:num_attention_heads=32",
        );
        check(
            br#"{"a": null, "b": [1, {"c": 2}], "d": {"e": 3}, "f": 1.5, "g": -1, "h": true, "i": "7", "k": 8}"#,
            "config.json:k=8",
        );
        check(br#"{"a": 1, "a": 2, "b": 3}"#, "config.json:b=3");
        check(br#"{"a": 1, "b": "#, "");
        check(b"[1, 2]", "");
        check(b"", "");
        check(b"\xff\xfe", "");
        check(&vec![b' '; (1 << 20) + 1], "");
        check("[".repeat(100_000).as_bytes(), "");
        check(format!("{{\"a\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000)).as_bytes(), "");
    }

    #[test]
    fn many_facts_and_no_files() {
        let many: Vec<String> = (0..1000).map(|number| format!("\"n{number}\": {number}")).collect();
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(facts(folder.path()).is_empty());
        std::fs::write(folder.path().join("params.json"), format!("{{{}}}", many.join(","))).expect("a file");
        std::fs::create_dir(folder.path().join("config.json")).expect("a folder");
        assert_eq!(facts(folder.path()).len(), 256);
    }

    /// A link out of the directory is not followed, as for shards.
    #[cfg(unix)]
    #[test]
    fn links_out() {
        let (inside, outside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        std::fs::write(outside.path().join("x.json"), "{\"a\": 1}").expect("a file");
        std::os::unix::fs::symlink(outside.path().join("x.json"), inside.path().join("config.json")).expect("a link");
        assert!(facts(inside.path()).is_empty());
        std::fs::write(inside.path().join("y.json"), "{\"a\": 1}").expect("a file");
        std::os::unix::fs::symlink("y.json", inside.path().join("params.json")).expect("a link");
        assert_eq!(facts(inside.path()).len(), 1);
    }
}
