//! The one table of codes.  A code is never reused; its page is `codes/CODE.md`.

/// A row: code, title, page.
pub struct Row {
    pub code: &'static str,
    pub title: &'static str,
    pub page: &'static str,
}

macro_rules! rows {
    ($($code:literal $title:literal,)*) => {
        &[$(Row { code: $code, title: $title, page: include_str!(concat!("codes/", $code, ".md")) }),*]
    };
}

/// E01: lexer and parser.
static SYNTAX: &[Row] = rows![
    "E0101" "text that does not fit the grammar",
    "E0102" "a number that begins or ends with a dot",
    "E0103" "a name with capitals",
    "E0104" "a string that is not closed",
    "E0105" "a backslash that escapes nothing",
    "E0106" "a sign of another language",
    "E0107" "a character without meaning",
    "E0108" "brackets that nest too deep",
    "E0109" "a comparison after a comparison",
    "E0110" "no edition, or not at the top",
    "E0111" "an edition that this version does not know",
    "E0112" "a bracket that does not touch its name",
    "E0113" "a reserved word as a name",
    "E0114" "a line that begins no statement",
    "E0116" "a layout that would change the recipe",
];

/// E02: names, arguments, options, paths.
static NAMES: &[Row] = rows![
    "E0201" "an unknown name",
    "E0202" "an unknown function or method",
    "E0203" "a name that is defined twice",
    "E0204" "a definition that needs itself",
    "E0205" "a function that calls itself",
    "E0206" "a parameter that does not exist",
    "E0207" "a parameter with a value that it may not have",
    "E0208" "an unknown option or argument",
    "E0209" "an argument that is missing",
    "E0210" "an argument too many",
    "E0211" "a recipe as a value, or a value as a recipe",
    "E0212" "an unknown word in a pattern",
    "E0213" "a glob or regular expression that cannot be read",
    "E0214" "a path that cannot be filled in",
    "E0215" "two outputs with one path",
    "E0216" "an output that the command line does not find",
    "E0217" "a word that an option does not know",
    "E0218" "a part of the language that this version lacks",
    "E0219" "a command line that cannot be followed",
    "E0220" "an ending that says another format",
];

/// E03: kinds of values.
static KINDS: &[Row] = rows![
    "E0301" "an operator on the wrong kinds",
    "E0302" "a value of the wrong kind",
    "E0303" "arms that do not fit together",
    "E0304" "shares with the wrong sum",
    "E0305" "a number that must be the same for every tensor",
    "E0306" "arithmetic without a result",
    "E0307" "a list that does not fit its function",
    "E0308" "a measure outside an assert",
    "E0309" "an assert that claims nothing",
    "E0310" "a recipe that expands to too much",
    "E0311" "a weight by channel where one number is needed",
    "E0312" "a number that must be a whole one",
];

/// E04: tensors, shapes, key sets, architectures.
static TENSORS: &[Row] = rows![
    "E0401" "tensors that no arm takes",
    "E0402" "an arm that takes no tensor",
    "E0403" "a coordinate that a tensor does not have",
    "E0404" "a tensor that a model does not have",
    "E0405" "a list that is too short",
    "E0406" "tensors of different shapes",
    "E0407" "a type that cannot be mixed",
    "E0408" "options that a method cannot work with",
    "E0409" "an output or claim about nothing",
    "E0410" "a result that is no network",
    "E0411" "a mask of another number of channels",
    "E0412" "a channel space that no tensor has",
    "E0413" "a channel mask that cannot be chosen",
    "E0430" "an architecture file that cannot be read",
    "E0431" "an unknown layout",
    "E0432" "a tensor that does not fit its layout",
    "E0433" "a template that cannot be read or solved",
    "E0434" "an unknown fix",
    "E0435" "a value that an architecture file cannot have",
    "E0436" "a canonical tensor that the family does not have",
    "E0437" "a layout that fits no tensor",
    "E0438" "two tensors that are one",
    "E0439" "a tensor that the output's layout cannot hold",
    "E0440" "a number that a layout needs and nothing tells",
    "E0441" "models that disagree on a number of the network",
    "E0442" "an alignment that has nothing to move",
    "E0443" "an alignment of models of two sizes",
    "E0444" "an alignment of what a method computes",
];

/// E05: files.
static FILES: &[Row] = rows![
    "E0501" "a file that a recipe names does not exist",
    "E0502" "a file that cannot be opened",
    "E0503" "another kind of file",
    "E0504" "a file that is cut off",
    "E0505" "a file that does not start as safetensors",
    "E0506" "a header that is not well formed",
    "E0507" "names in a header that cannot be used",
    "E0508" "a tensor that contradicts itself",
    "E0509" "tensors that overlap or leave holes",
    "E0510" "a header too large to be read",
    "E0511" "an index of shards that cannot be used",
    "E0512" "an index and shards that disagree",
    "E0513" "a directory without one checkpoint",
    "E0514" "a text that is too long or not UTF-8",
    "E0515" "an output that is an input",
    "E0516" "an output that would replace something else",
    "E0517" "an evil name in a pickle",
    "E0518" "a pickle that is not well formed",
    "E0519" "a pickle with something that blend does not read",
    "E0520" "a pickle beyond the limits",
    "E0521" "a dictionary in a file that is not clear or not there",
    "E0522" "a zip archive that cannot be trusted",
    "E0523" "a NumPy file that cannot be read",
    "E0524" "a GGUF model that is not well formed",
    "E0525" "a GGUF model in a form that is not read",
    "E0526" "a network in a pickle that blend cannot read",
];

/// E06: the run.
static RUN: &[Row] = rows![
    "E0601" "a read that failed",
    "E0602" "a write that failed",
    "E0603" "an output that does not fit",
    "E0604" "an input that changed during the build",
    "E0610" "threads that cannot be started",
    "E0611" "values too large for their type",
    "E0612" "tensors that must be equal and are not",
    "E0620" "a claim that does not hold",
];

/// E07: drawing.
static RENDER: &[Row] = rows![
    "E0701" "a model that cannot be drawn",
    "E0702" "a generator with missing tensors",
    "E0703" "a tensor that does not fit its generator",
    "E0704" "a picture that is too large",
    "E0705" "a latent or class that the generator does not take",
    "E0706" "a picture to start from, or none, that the network does not take",
    "E0707" "a picture that cannot be written",
    "E0710" "a graphics card that is not there",
    "E0711" "a graphics card that cannot be used",
    "E0712" "a driver that refuses to draw",
    "E0713" "a graphics card whose memory is full",
    "E0714" "a graphics card that stopped",
    "E0715" "a layer too large for a graphics card",
    "E0740" "an argument that no picture can have",
    "E0741" "pictures that cannot be compared",
    "E0742" "a file that is no picture",
    "E0750" "a wish that cannot be drawn",
    "E0751" "a program that makes films",
    "E0752" "latents that do not fit",
    "E0760" "a file of channels that cannot be read",
    "E0761" "clusters that cannot be found",
    "E0762" "a layer that a network has not",
    "E0763" "two models that are not of one network",
    "E0764" "a region that is none",
    "E0765" "a recipe in the place of a generator",
    "E0766" "a file of channels with another ending",
    "E0767" "names of clusters that cannot be",
    "E0768" "a file of channels of another model",
    "E0770" "a wish that cannot be scored",
    "E0771" "an output without one mask to score",
];

/// E082: git, and what is compared.
static GIT: &[Row] = rows![
    "E0820" "no git repository",
    "E0821" "git is not there",
    "E0822" "a revision or a file in it that does not exist",
    "E0823" "a command of git that failed",
    "E0824" "two things that cannot be compared",
];

/// E08: locks and provenance.
static LOCK: &[Row] = rows![
    "E0801" "a recipe without a lock",
    "E0802" "a lock that cannot be read",
    "E0803" "an input that is not what was locked",
    "E0804" "a recipe that does not mean what was locked",
    "E0805" "a build that did not give what it gave before",
    "E0806" "a model that is not in the recipe",
];

/// E08: pipelines.
static PIPELINES: &[Row] = rows![
    "E0855" "a sweep whose outputs meet",
    "E0856" "a sweep that cannot be followed",
    "E0857" "a path that a depfile cannot hold",
];

/// E084: what is remembered between builds.
static CACHE: &[Row] = rows![
    "E0840" "a cache that has no place",
];

/// W: warnings.
static WARNINGS: &[Row] = rows![
    "W0401" "counters that are taken from one model",
    "W0402" "a model with holes",
    "W0403" "a checkpoint that is almost of a known layout",
    "W0404" "a preset for another kind of network",
    "W0405" "models without a common ancestor",
    "W0406" "models that are weakly related",
    "W0407" "a child that has left its parent behind",
    "W0408" "random images that are averaged",
    "W0409" "an average of another network",
    "W0411" "a mask that holds no channel",
    "W0412" "a `norm` that changes nothing",
    "W0413" "an alignment that leaves unknown tensors where they are",
    "W0621" "a claim that holds by little",
    "W0761" "a mask that was made from another model",
    "W0762" "names that are older than their clusters",
    "W0801" "a lock that does not hold",
];

/// Every row, in the order of the codes.
pub fn all() -> impl Iterator<Item = &'static Row> {
    [SYNTAX, NAMES, KINDS, TENSORS, FILES, RUN, RENDER, LOCK, GIT, CACHE, PIPELINES, WARNINGS].into_iter().flatten()
}

/// The row of a code.
pub fn find(code: &str) -> Option<&'static Row> {
    all().find(|row| row.code == code)
}
