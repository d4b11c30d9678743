//! The architectures that blend brings along.  A file is read in full when somebody needs what it says: most commands need
//! one family and one layout, and reading them all takes longer than the rest of a small command.

use super::data::Family;
use super::data::Layout;
use super::detect::Names;
use super::file;
use super::template::Template;
use serde::Deserialize;
use std::sync::LazyLock;

/// The shipped families, one file each, by their ids.
static FAMILIES: LazyLock<Vec<FamilyFile>> = LazyLock::new(|| {
    [
        ("llama", include_str!("families/llama.toml")),
        ("lucidrains", include_str!("families/lucidrains.toml")),
        ("stylegan1", include_str!("families/stylegan1.toml")),
        ("sd-unet", include_str!("families/sd-unet.toml")),
        ("stylegan2", include_str!("families/stylegan2.toml")),
        ("stylegan3", include_str!("families/stylegan3.toml")),
    ]
    .into_iter()
    .map(|(id, text)| FamilyFile { id, family: LazyLock::new(Box::new(move || file::shipped_family(id, text))) })
    .collect()
});

/// The shipped layouts, one file each.
static LAYOUTS: LazyLock<Vec<LayoutFile>> = LazyLock::new(|| {
    [
        ("layouts/llama-gguf.toml", include_str!("layouts/llama-gguf.toml")),
        ("layouts/llama-gguf-qwen.toml", include_str!("layouts/llama-gguf-qwen.toml")),
        ("layouts/llama-huggingface.toml", include_str!("layouts/llama-huggingface.toml")),
        ("layouts/llama-meta.toml", include_str!("layouts/llama-meta.toml")),
        ("layouts/sd-unet-diffusers.toml", include_str!("layouts/sd-unet-diffusers.toml")),
        ("layouts/sd-unet-ldm.toml", include_str!("layouts/sd-unet-ldm.toml")),
        ("layouts/stylegan2-nvidia.toml", include_str!("layouts/stylegan2-nvidia.toml")),
        ("layouts/stylegan2-rosinality.toml", include_str!("layouts/stylegan2-rosinality.toml")),
        ("layouts/genforce.toml", include_str!("layouts/genforce.toml")),
        ("layouts/stylegan2-tf.toml", include_str!("layouts/stylegan2-tf.toml")),
        ("layouts/stylegan1-tf.toml", include_str!("layouts/stylegan1-tf.toml")),
        ("layouts/lucidrains.toml", include_str!("layouts/lucidrains.toml")),
        ("layouts/stylegan3-nvidia.toml", include_str!("layouts/stylegan3-nvidia.toml")),
    ]
    .into_iter()
    .map(|(name, text)| LayoutFile::new(name, text))
    .collect()
});

/// What is made when it is asked for.
type Lazy<T> = LazyLock<T, Box<dyn FnOnce() -> T + Send>>;

struct FamilyFile {
    id: &'static str,
    family: Lazy<Family>,
}

struct LayoutFile {
    head: Head,
    layouts: Lazy<Vec<Layout>>,
}

/// What stands above the tables of a layout's file.
struct Head {
    /// Of the layouts.
    ids: Vec<String>,
    family: String,
    /// Per layout of the file, names that its checkpoints have; nothing where names may begin otherwise, too.
    detect: Vec<Vec<Template>>,
}

#[derive(Deserialize)]
struct HeadText {
    id: String,
    family: String,
    detect: Vec<String>,
    #[serde(default)]
    prefix: String,
    bare: Option<String>,
}

impl LayoutFile {
    fn new(name: &'static str, text: &'static str) -> LayoutFile {
        let layouts = LazyLock::new(Box::new(move || file::shipped_layouts(name, text)) as Box<_>);
        LayoutFile { head: Head::of(name, text), layouts }
    }
}

impl Head {
    fn of(name: &str, text: &str) -> Head {
        let above = text.find("\n[").map_or(text, |at| &text[..at + 1]);
        let head: HeadText = toml::from_str(above).unwrap_or_else(|error| panic!("shipped {name}: {error}"));
        let template = |prefix: &str, name: &String| {
            Template::parse(&format!("{prefix}{name}")).unwrap_or_else(|reason| panic!("shipped {name}: {reason}"))
        };
        let prefixes = std::iter::once(head.prefix.as_str()).chain(head.bare.as_ref().map(|_| ""));
        let is_only = !text.contains("\n[[also]]");
        let ids = std::iter::once(head.id).chain(head.bare.clone()).collect();
        let detect = prefixes.map(|prefix| head.detect.iter().map(|name| template(prefix, name)).collect());
        Head { ids, family: head.family, detect: if is_only { detect.collect() } else { vec![] } }
    }

    /// Whether a layout of the file may claim a header of these names.
    fn may_claim(&self, names: &Names) -> bool {
        self.detect.is_empty() || self.detect.iter().any(|list| list.iter().all(|template| names.have(template)))
    }
}

pub fn families<'f>() -> impl Iterator<Item = &'f Family> + Clone {
    FAMILIES.iter().map(|file| &*file.family)
}

pub fn layouts() -> impl Iterator<Item = &'static Layout> + Clone {
    LAYOUTS.iter().flat_map(|file| file.layouts.iter())
}

/// The layouts of a family.
pub fn layouts_of<'l>(family: &str) -> impl Iterator<Item = &'l Layout> {
    LAYOUTS.iter().filter(move |file| file.head.family == family).flat_map(|file| file.layouts.iter())
}

/// The layouts among which are all that claim a header of these names, in the order of all layouts.
pub fn candidates(names: &Names) -> impl Iterator<Item = &'static Layout> {
    LAYOUTS.iter().filter(|file| file.head.may_claim(names)).flat_map(|file| file.layouts.iter())
}

pub fn family(id: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|file| file.id == id).map(|file| &*file.family)
}

pub fn layout(id: &str) -> Option<&'static Layout> {
    let file = LAYOUTS.iter().find(|file| file.head.ids.iter().any(|own| own == id))?;
    file.layouts.iter().find(|layout| layout.id == id)
}

/// The family of a shipped layout.
pub fn family_of(layout: &Layout) -> &'static Family {
    family(&layout.family).expect("shipped layouts have shipped families: the files were checked when they were read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_say_what_the_files_say() {
        assert_eq!(
            families().map(|family| family.id.as_str()).collect::<Vec<_>>(),
            FAMILIES.iter().map(|file| file.id).collect::<Vec<_>>()
        );
        for file in LAYOUTS.iter() {
            let text = |list: &[Template]| list.iter().map(|name| name.text().to_string()).collect::<Vec<_>>();
            let heads: Vec<_> = file.head.detect.iter().map(|list| text(list)).collect();
            let whole: Vec<_> = file.layouts.iter().map(|layout| text(&layout.detect)).collect();
            let may_differ = file.layouts.iter().any(|layout| !layout.also.is_empty());
            assert_eq!(heads, if may_differ { vec![] } else { whole });
            let ids: Vec<_> = file.layouts.iter().map(|layout| layout.id.as_str()).collect();
            assert_eq!(file.head.ids, ids);
            assert!(file.layouts.iter().all(|layout| layout.family == file.head.family));
        }
    }
}
