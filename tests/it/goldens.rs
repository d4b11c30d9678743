//! Every shipped recipe gives what NumPy gives, bit for bit (`tests/golden/recipes.py`), on any number of threads.

use super::run;
use safetensors::SafeTensors;
use std::collections::BTreeMap;

/// CRC-32 as zlib has it.
fn crc32(bytes: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256u32)
        .map(|byte| (0..8).fold(byte, |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }))
        .collect();
    !bytes.iter().fold(!0, |crc, byte| (crc >> 8) ^ table[((crc ^ u32::from(*byte)) & 0xff) as usize])
}

type Goldens = BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>;

fn goldens() -> Goldens {
    serde_json::from_str(include_str!("../golden/recipes.json")).expect("the script writes JSON")
}

#[track_caller]
fn check(recipe: &str, threads: usize) {
    let place = run::Place::new();
    let text = std::fs::read_to_string(run::root().join("recipes/stylegan2").join(recipe)).expect("a shipped recipe");
    let written = run::build(&text, &place.here(), threads);
    let expected = &goldens()[recipe];
    assert_eq!(written.len(), expected.len(), "{recipe} writes other files than its golden has");
    for path in written {
        let name = path.file_name().expect("a file").to_str().expect("a plain name");
        let bytes = std::fs::read(&path).expect("it was written");
        let tensors = SafeTensors::deserialize(&bytes).expect("the safetensors crate reads it");
        let found: BTreeMap<String, String> =
            tensors.iter().map(|(name, view)| (name.to_string(), format!("{:08x}", crc32(view.data())))).collect();
        let wanted = &expected[name];
        let wrong: Vec<&String> = wanted.keys().filter(|key| found.get(*key) != wanted.get(*key)).collect();
        assert!(wrong.is_empty(), "{recipe} {name}: other bytes than NumPy in {wrong:?}");
        assert_eq!(found.len(), wanted.len(), "{recipe} {name}: other tensors than the golden");
    }
}

#[test]
fn crc_is_that_of_zlib() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}

#[test]
fn shipped_recipes_equal_numpy() {
    for (recipe, threads) in goldens().keys().zip([1, 2, 7].into_iter().cycle()) {
        check(recipe, threads);
    }
}

#[test]
fn every_shipped_recipe_has_a_golden() {
    let folder = run::root().join("recipes/stylegan2");
    for entry in std::fs::read_dir(folder).expect("the folder of recipes") {
        let name = entry.expect("an entry").file_name().into_string().expect("a plain name");
        if name.ends_with(".blend") {
            assert!(goldens().contains_key(&name), "add {name} to tests/golden/recipes.py");
        }
    }
}
