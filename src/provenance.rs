//! How an output came about, as other tools read it: an in-toto statement with SLSA's predicate of builds.
//!
//! <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>,
//! <https://slsa.dev/spec/v1.0/provenance>.  It is not signed: what signs statements takes it as it is.  There is no time in
//! it, so that one build has one statement.

use serde_json::Value;
use serde_json::json;

/// What the predicate calls this kind of build; the number is that of `externalParameters`.
const BUILD_TYPE: &str = "urn:blend:merge:1";

/// A file with its digests.
pub struct File {
    /// As users know it.
    pub name: String,
    /// Algorithm and hexadecimal digits.
    pub digests: Vec<(&'static str, String)>,
}

impl File {
    fn digest(&self) -> Value {
        self.digests.iter().map(|(algorithm, hex)| (algorithm.to_string(), json!(hex))).collect()
    }
}

/// What a statement says.
pub struct Build {
    /// The recipe as one text, or its own text.
    pub recipe: String,
    /// `--set`, as one object.
    pub params: Value,
    pub semantic: String,
    pub version: String,
    /// Files of models.
    pub inputs: Vec<File>,
    /// Files that were written.
    pub outputs: Vec<File>,
}

/// The statement, as JSON.
pub fn statement(build: &Build) -> String {
    let subject: Vec<Value> =
        build.outputs.iter().map(|file| json!({ "name": file.name, "digest": file.digest() })).collect();
    let inputs: Vec<Value> =
        build.inputs.iter().map(|file| json!({ "name": file.name, "digest": file.digest() })).collect();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": { "recipe": build.recipe, "params": build.params },
                "internalParameters": { "semantic": build.semantic },
                "resolvedDependencies": inputs,
            },
            "runDetails": {
                "builder": { "id": format!("urn:blend:{}", build.version), "version": { "blend": build.version } },
            },
        },
    });
    serde_json::to_string_pretty(&statement).expect("it is JSON") + "\n"
}
