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

/// The text of a `.toml` with some parts named anew: to nothing, where a part has no clusters.  All else stays as people
/// wrote it, comments too.
///
/// # Errors
/// What is wrong with the text, in the words of a diagnostic.
pub fn edited(text: &str, changes: &[(String, Vec<usize>)]) -> Result<String, String> {
    let mut document: toml_edit::DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| error.message().to_string())?;
    let parts = document.entry("parts").or_insert_with(toml_edit::table);
    let Some(parts) = parts.as_table_like_mut() else { return Err("`parts` is no table".into()) };
    for (name, clusters) in changes {
        if clusters.is_empty() {
            parts.remove(name);
            continue;
        }
        let list: toml_edit::Array = clusters.iter().map(|cluster| *cluster as i64).collect();
        match parts.get_mut(name).and_then(toml_edit::Item::as_value_mut) {
            // A comment behind the old value stays.
            Some(old) => {
                let decor = old.decor().clone();
                *old = list.into();
                *old.decor_mut() = decor;
            }
            None => drop(parts.insert(name, toml_edit::value(list))),
        }
    }
    Ok(document.to_string())
}

/// `eyes=3,7,9..11` as a name and clusters; `eyes=` has none.
///
/// # Errors
/// What is wrong, in the words of a diagnostic.
pub fn pair(text: &str, clusters: usize) -> Result<(String, Vec<usize>), String> {
    let (name, list) = text.split_once('=').ok_or("has no `=`")?;
    if !is_name(name) {
        return Err("has no name that recipes can say: small letters, digits and `_`".into());
    }
    let number = |text: &str| {
        let number =
            text.trim().parse::<usize>().map_err(|_| format!("holds `{}`, which is no number", text.trim()))?;
        if number < clusters {
            Ok(number)
        } else {
            Err(format!("holds {number}, and clusters are 0 to {}", clusters - 1))
        }
    };
    let mut own: Vec<usize> = vec![];
    for part in list.split(',').filter(|_| !list.trim().is_empty()) {
        let (first, last) = part.split_once("..").unwrap_or((part, part));
        own.extend(number(first)?..=number(last)?);
    }
    own.sort_unstable();
    own.dedup();
    Ok((name.into(), own))
}

#[cfg(test)]
mod tests {
    use super::Names;
    use super::edited;
    use super::pair;

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

    #[test]
    fn comments_stay() {
        let text = "# found by hand\n[parts]\n# both of them\neyes = [3, 7] # left, right\nhair = [1]\n";
        let change = |name: &str, clusters: &[usize]| (name.to_string(), clusters.to_vec());
        let found = edited(text, &[change("eyes", &[4]), change("hair", &[]), change("mouth", &[2, 5])]);
        let expected = "# found by hand\n[parts]\n# both of them\neyes = [4] # left, right\nmouth = [2, 5]\n";
        assert_eq!(found.as_deref(), Ok(expected));
        assert_eq!(edited("", &[change("eyes", &[1])]).as_deref(), Ok("[parts]\neyes = [1]\n"));
        assert!(edited("parts = 3", &[]).is_err() && edited("[parts", &[]).is_err());
    }

    #[test]
    fn pairs() {
        let check = |text: &str, expected: Result<(&str, &[usize]), &str>| match (pair(text, 12), expected) {
            (Ok((name, clusters)), Ok((own, list))) => assert_eq!((name.as_str(), &clusters[..]), (own, list)),
            (Err(fault), Err(word)) => assert!(fault.contains(word), "{fault}"),
            (found, _) => panic!("`{text}` is {found:?}"),
        };
        check("eyes=7,3", Ok(("eyes", &[3, 7])));
        check("hair=1, 9..11,9", Ok(("hair", &[1, 9, 10, 11])));
        check("eyes=", Ok(("eyes", &[])));
        check("eyes", Err("no `=`"));
        check("Eyes=1", Err("no name"));
        check("eyes=12", Err("0 to 11"));
        check("eyes=a", Err("no number"));
        check("eyes=0..99999999999", Err("0 to 11"));
    }
}
