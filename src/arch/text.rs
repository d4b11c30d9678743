//! What may stand in an architecture file, field by field: whatever else does is an error.

use super::also::Set;
use super::spread::For;
use super::spread::Lists;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FamilyText {
    pub id: Spanned<String>,
    #[allow(dead_code, reason = "for people who read the file")]
    pub about: String,
    #[serde(default)]
    pub words: Vec<Spanned<String>>,
    #[serde(default)]
    pub lists: Lists,
    #[serde(default)]
    pub tensor: Vec<TensorText>,
    #[serde(default)]
    pub group: Vec<GroupText>,
    #[serde(default)]
    pub free: Vec<FreeText>,
    #[serde(default)]
    pub same: Vec<SameText>,
    #[serde(default)]
    pub number: Vec<NumberText>,
    #[serde(default)]
    pub fact: Vec<FactText>,
    #[serde(default)]
    pub refuses: Vec<RefusesText>,
    #[serde(default)]
    pub part: Vec<PartText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusesText {
    pub family: String,
    pub because: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorText {
    pub name: Spanned<String>,
    #[serde(default)]
    pub words: Vec<Spanned<String>>,
    #[serde(default)]
    pub coords: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    pub axes: Vec<Spanned<String>>,
    #[serde(default)]
    pub acts: Vec<Spanned<String>>,
    pub policy: Option<Spanned<String>>,
    #[serde(default)]
    pub demodulated: bool,
    #[serde(default)]
    pub from: i64,
    #[serde(default)]
    pub r#for: For,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupText {
    pub name: Spanned<String>,
    pub of: Spanned<String>,
    pub each: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreeText {
    pub space: Spanned<String>,
    pub each: Option<Spanned<String>>,
    pub under: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SameText {
    pub space: Spanned<String>,
    pub r#as: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberText {
    pub name: Spanned<String>,
    pub fact: Option<String>,
    pub over: Option<String>,
    pub size: Option<Spanned<String>>,
    #[serde(default)]
    pub axis: usize,
    pub times: Option<i64>,
    pub count: Option<Spanned<String>>,
    pub has: Option<Spanned<String>>,
    pub value: Option<i64>,
    pub help: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartText {
    pub name: Spanned<String>,
    pub words: Vec<Spanned<String>>,
    pub tells: Option<Spanned<String>>,
    pub of: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactText {
    pub name: Spanned<String>,
    pub has: Option<Spanned<String>>,
    pub size: Option<Spanned<String>>,
    pub count: Option<Spanned<String>>,
    pub each: Option<Spanned<String>>,
    #[serde(default)]
    pub axis: usize,
    #[serde(default)]
    pub says: BTreeMap<String, String>,
    pub value: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayoutText {
    pub id: Spanned<String>,
    pub family: Spanned<String>,
    #[allow(dead_code, reason = "for people who read the file")]
    pub about: String,
    pub detect: Vec<Spanned<String>>,
    /// Per set: beginnings of names, and what they are instead.
    #[serde(default)]
    pub also: Vec<Set>,
    #[serde(default)]
    pub facts: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub prefix: String,
    pub bare: Option<Spanned<String>>,
    #[serde(default)]
    pub omit: Vec<Spanned<String>>,
    #[serde(default)]
    pub canonical_names: bool,
    pub top: Option<Spanned<String>>,
    #[serde(default)]
    pub drop: Vec<Spanned<String>>,
    pub pt: Option<NestText>,
    #[serde(default)]
    pub lists: Lists,
    #[serde(default)]
    pub key: Vec<KeyText>,
    #[serde(default)]
    pub implied: Vec<ImpliedText>,
    #[serde(default)]
    pub lacks: Vec<LacksText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpliedText {
    pub r#as: Spanned<String>,
    pub beside: Spanned<String>,
    pub taps: Vec<f32>,
    pub fact: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LacksText {
    pub name: Spanned<String>,
    pub because: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NestText {
    pub key: String,
    #[serde(default)]
    pub beside: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyText {
    pub name: Spanned<String>,
    pub r#as: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub fix: Vec<Spanned<String>>,
    #[serde(default)]
    pub r#for: For,
}

/// A user's architecture file: a layout, with a family of its own or one that is shipped.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchitectureText {
    pub family: Option<FamilyText>,
    pub layout: LayoutText,
}
