//! What tells a generator from others, in few bytes and whatever file it stands in.

use crate::diag::Code;
use crate::diag::Problem;
use crate::graph::Graph;
use crate::hir::MaskUse;
use crate::hir::Recipe;
use crate::network;
use crate::plan;
use crate::plan::Drawing;
use crate::plan::Subject;
use crate::store::Inputs;
use crate::tile::Scratch;
use std::collections::BTreeMap;

/// Values of a tensor that are read.  Training moves all of them: the first ones tell models apart as well as all would.
const READ: u64 = 1024;

/// Hexadecimal digits.
const DIGITS: usize = 32;

/// `STRUCTURE-WEIGHTS`: a digest of the names and shapes of the tensors that the operations of a network read, which headers
/// alone tell, and one of their first values as f32, in canonical names and order.  Container, layout and names in the file
/// make no difference.  Errors: those of reading.
pub fn fingerprint(drawing: &Drawing, inputs: &Inputs) -> Result<String, Problem> {
    let mut weights = blake3::Hasher::new();
    weights.update(b"blend weights 1");
    for name in network::drawn_tensors(&drawing.net) {
        let Some(program) = drawing.tensors.get(name) else { continue };
        let count = program.elems().min(READ);
        let mut bytes = vec![0; count as usize * size_of::<f32>()];
        program.evaluate(0..count, &program.start(), inputs, &mut Scratch::default(), &mut bytes)?;
        weights.update(&bytes);
    }
    Ok(format!("{}-{}", network::structure(&drawing.net), &weights.finalize().to_hex()[..DIGITS]))
}

/// Tells masks that were made from none of the models that they are used with (W0761), by their weights.  Recipes without
/// masks of catalogues cost nothing.  Errors: those of reading.
pub fn strange_masks(recipe: &Recipe, graph: &Graph) -> Result<Vec<Problem>, Problem> {
    if recipe.masks.is_empty() {
        return Ok(vec![]);
    }
    let inputs = Inputs::open(&plan::input_files(recipe))?;
    let mut known: BTreeMap<u32, Option<String>> = BTreeMap::new();
    let mut problems = vec![];
    for MaskUse { mask, inputs: used } in &recipe.masks {
        let mut own = vec![];
        for id in used {
            let found = match known.get(&id.0) {
                Some(found) => found.clone(),
                // What cannot be drawn is no origin of a mask.
                None => match plan::drawing(recipe, graph, Subject::Input(*id), None) {
                    Ok(drawing) => Some(fingerprint(&drawing, &inputs)?),
                    Err(_) => None,
                },
            };
            known.insert(id.0, found.clone());
            own.extend(found);
        }
        let same_network = |one: &String| {
            let structure = one.split_once('-').map(|halves| halves.0);
            mask.origins.iter().any(|origin| origin.structure() == structure)
        };
        let is_origin = |one: &String| mask.origins.iter().any(|origin| origin.fingerprint == *one);
        // Another network has been told from headers.
        if own.iter().any(same_network) && !own.iter().any(is_origin) {
            let paths: Vec<String> = mask.origins.iter().map(|origin| format!("`{}`", origin.path)).collect();
            let message = format!("`{}` was made from none of the models that it is used with", mask.name);
            let problem = Problem::new(Code("W0761"), message)
                .at(mask.site, format!("comes from {}", paths.join(" and ")))
                .help("find the channels in one of these models with `blend channels find`, unless these models were trained on from that one");
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    Ok(problems)
}
