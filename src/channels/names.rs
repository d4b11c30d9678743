//! Names for clusters, in a text beside the catalogue: people write it, and it differs well in git.

use std::collections::BTreeMap;

/// Parts and the clusters that they are made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names(pub BTreeMap<String, Vec<usize>>);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default)]
    parts: BTreeMap<String, Vec<usize>>,
}

/// Whether a recipe can say a name.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

impl Names {
    /// Reads the text of a `.toml` beside a catalogue of so many clusters.
    ///
    /// # Errors
    /// What is wrong, in the words of a diagnostic.
    pub fn read(text: &str, clusters: usize) -> Result<Names, String> {
        let text: Text = toml::from_str(text).map_err(|error| error.message().to_string())?;
        for (name, own) in &text.parts {
            if !is_name(name) {
                return Err(format!("`{}` is no name: small letters, digits and `_`", name.escape_debug()));
            }
            if let Some(wrong) = own.iter().find(|cluster| **cluster >= clusters) {
                return Err(format!("`{name}` has the cluster {wrong}, and they are 0 to {}", clusters - 1));
            }
        }
        Ok(Names(text.parts))
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn names_are_read() {
        let names = Names([("eyes".to_string(), vec![3, 7]), ("hair".to_string(), vec![1])].into_iter().collect());
        assert_eq!(Names::read("# people\n[parts]\neyes = [3, 7]\nhair = [1]\n", 8), Ok(names));
        for (text, word) in [("[parts]\neyes = [8]", "0 to 7"), ("[parts]\nEyes = [1]", "no name"), ("[part]", "part")]
        {
            let fault = Names::read(text, 8).expect_err("it is wrong");
            assert!(fault.contains(word), "{fault}");
        }
    }
}
