//! A machine without any Vulkan loader.  The library is hidden from the program by one of its name that is none, which the
//! dynamic linker finds first.

use super::super::run::root;
use blend::picture::read;
use std::collections::BTreeMap;
use std::fs::DirEntry;
use std::process::Command;
use std::process::Output;

struct Bare {
    folder: tempfile::TempDir,
}

impl Bare {
    fn new() -> Bare {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("libvulkan.so.1"), "no library").expect("a file");
        Bare { folder }
    }

    fn blend(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blend"));
        command.current_dir(self.folder.path()).args(args).env("LD_LIBRARY_PATH", self.folder.path());
        command.output().expect("blend starts")
    }

    /// Names and pixels of a folder's pictures.
    fn pictures(&self, folder: &str) -> BTreeMap<String, Vec<f32>> {
        let entries = std::fs::read_dir(self.folder.path().join(folder)).expect("a folder");
        let picture = |entry: std::io::Result<DirEntry>| {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            let bytes = std::fs::read(entry.path()).expect("a picture");
            let image = read::png(&name, &bytes).expect("a picture");
            (name, image.values)
        };
        entries.map(picture).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn doctor_says_what_to_install() {
    let found = Bare::new().blend(&["doctor"]);
    assert_eq!(found.status.code(), Some(0), "{}", text(&found.stderr));
    let shown = text(&found.stdout);
    let line = shown.lines().find(|line| line.starts_with("graphics")).expect("a line about cards");
    assert!(line.starts_with("graphics   none: ") && shown.contains("apt install libvulkan1"), "{shown}");
    assert!(!shown.contains("\nsoftware"), "{shown}");
}

/// Drivers have nothing to say where there is no desktop.
#[test]
fn doctor_is_quiet_without_a_desktop() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blend"));
    let found = command.arg("doctor").env_remove("XDG_RUNTIME_DIR").output().expect("blend starts");
    assert_eq!((found.status.code(), text(&found.stderr)), (Some(0), String::new()));
}

#[test]
fn recipes_are_drawn_by_the_processor() {
    let bare = Bare::new();
    let recipe = root().join("recipes/stylegan2/layer-swap.blend");
    let recipe = recipe.to_str().expect("a path of text");
    let drawn = bare.blend(&["render", recipe, "--seeds", "0,1", "-o", "auto/"]);
    assert_eq!(drawn.status.code(), Some(0), "{}", text(&drawn.stderr));
    let told = text(&drawn.stderr);
    assert!(told.contains("renderer: CPU, ") && told.contains(" (no graphics card: "), "{told}");
    let again = bare.blend(&["render", recipe, "--seeds", "0,1", "--device", "cpu", "-o", "cpu/"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    let pictures = bare.pictures("auto");
    assert!(pictures.len() >= 20 && pictures == bare.pictures("cpu"), "{} pictures", pictures.len());
    for device in ["gpu", "software"] {
        let refused = bare.blend(&["render", recipe, "--seeds", "0", "--device", device, "-o", "none.png"]);
        let told = text(&refused.stderr);
        assert!(refused.status.code() == Some(3) && told.contains("E0710") && told.contains("help"), "{told}");
        assert!(!bare.folder.path().join("none.png").exists());
    }
}
