//! Clusters as pictures, so that a person sees which is what.

use super::find;
use super::find::Subject;
use super::labels::Labeller;
use super::labels::Map;
use super::layers::layers;
use crate::channels::Catalogue;
use crate::channels::Names;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::picture::Image;
use crate::picture::canvas::Canvas;
use crate::picture::canvas::Colour;
use crate::picture::difference::error_map;
use crate::picture::difference::heat;
use crate::picture::overlay;
use crate::picture::sheet::Row;
use crate::picture::sheet::Sheet;
use crate::picture::sheet::cell;
use crate::render::drawer::Look;

/// A picture of one of the models, and its clusters.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The number of the model.
    pub model: usize,
    pub seed: u32,
    pub image: Image,
    pub map: Map,
}

/// Draws some seeds, every model after the other, and finds their clusters.  Errors: E0762 for models without the clustered
/// layers, and those of drawing.
pub fn draw(
    catalogue: &Catalogue,
    subjects: &mut [Subject],
    seeds: &[u32],
    progress: &Progress,
) -> Result<Vec<Shown>, Stop> {
    let facts = &catalogue.facts;
    let starts = find::starts(subjects, seeds, facts.psi, facts.class)?;
    let look = Look { class: facts.class, ..Look::default() };
    let mut shown = vec![];
    for (model, subject) in subjects.iter_mut().enumerate() {
        let own = layers(subject.drawer.net(), subject.canon);
        let mut labeller = Labeller::of(catalogue, &own, model)?;
        for (seed, start) in seeds.iter().zip(&starts) {
            if progress.cancelled() {
                return Err(Stop::Cancelled);
            }
            let (image, map) = labeller.draw(subject.drawer, start, &look)?;
            shown.push(Shown { model, seed: *seed, image, map });
        }
    }
    Ok(shown)
}

/// As it stands on a sheet.
struct Cell {
    canvas: Canvas,
    regions: Vec<u16>,
}

impl Cell {
    fn of(shown: &Shown) -> Cell {
        let canvas = cell(&Canvas::of(&shown.image), None);
        Cell { regions: shown.map.pixels(canvas.height, canvas.width), canvas }
    }
}

/// The parts that a cluster belongs to.
fn parts(names: &Names, cluster: usize) -> Vec<&str> {
    names.0.iter().filter(|(_, clusters)| clusters.contains(&cluster)).map(|(name, _)| name.as_str()).collect()
}

/// What a row says of a cluster.
fn about(catalogue: &Catalogue, cluster: usize) -> String {
    let mut facts = vec![];
    facts.extend(catalogue.areas.get(cluster).map(|area| format!("{:.1} % of pixels", 100.0 * area)));
    facts.extend(catalogue.differences.get(cluster).map(|apart| format!("ΔE {apart:.1}")));
    facts.join(" · ")
}

fn cluster_row(catalogue: &Catalogue, names: &Names, cluster: usize, cells: Vec<Option<Canvas>>) -> Row {
    let parts = parts(names, cluster);
    let label = if parts.is_empty() { cluster.to_string() } else { format!("{cluster}  {}", parts.join(", ")) };
    Row { label, swatch: Some(overlay::colour(cluster)), detail: about(catalogue, cluster), cells, ..Row::default() }
}

fn note(catalogue: &Catalogue) -> String {
    let facts = &catalogue.facts;
    format!(
        "{} clusters of {} · seeds {} · psi {}",
        catalogue.clusters,
        facts.layers.join(", "),
        facts.seeds,
        facts.psi
    )
}

fn is_in(cell: &Cell, cluster: usize) -> Vec<bool> {
    cell.regions.iter().map(|region| usize::from(*region) == cluster).collect()
}

/// Every cluster, numbered, over some pictures; `models` are the models' names.
pub fn clusters(catalogue: &Catalogue, names: &Names, models: &[String], shown: &[Shown]) -> Sheet {
    let cells: Vec<Cell> = shown.iter().map(Cell::of).collect();
    let colours: Vec<Colour> = (0..catalogue.clusters).map(overlay::colour).collect();
    let all = |cell: &Cell| {
        let mut canvas = overlay::coloured(&cell.canvas, &cell.regions, &colours);
        overlay::number(&mut canvas, &cell.regions, catalogue.clusters);
        Some(canvas)
    };
    let mut rows = vec![
        Row {
            label: "pictures".into(),
            cells: cells.iter().map(|cell| Some(cell.canvas.clone())).collect(),
            ..Row::default()
        },
        Row { label: "all clusters".into(), cells: cells.iter().map(all).collect(), ..Row::default() },
    ];
    for (cluster, colour) in colours.iter().enumerate() {
        let one = |cell: &Cell| Some(overlay::spotlight(&cell.canvas, &is_in(cell, cluster), *colour));
        rows.push(cluster_row(catalogue, names, cluster, cells.iter().map(one).collect()));
    }
    let column = |shown: &Shown| match models {
        [_] => format!("seed {}", shown.seed),
        _ => format!("{} · {}", models[shown.model], shown.seed),
    };
    Sheet {
        title: models.join(", "),
        note: note(catalogue),
        columns: shown.iter().map(column).collect(),
        rows,
        footer: format!("renderer: {}", catalogue.facts.device),
        ..Sheet::default()
    }
}

/// Where two models differ, by cluster: pictures of both, their distance pixel by pixel, then the clusters by falling
/// distance.  `shown` has the pictures of both models in the same order of seeds.
pub fn differences(catalogue: &Catalogue, names: &Names, models: &[String], shown: &[Shown]) -> Sheet {
    let of = |model: usize| shown.iter().filter(move |shown| shown.model == model);
    let pairs: Vec<[Cell; 2]> = of(0).zip(of(1)).map(|(a, b)| [Cell::of(a), Cell::of(b)]).collect();
    let most = catalogue.differences.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let heats: Vec<Colour> = catalogue.differences.iter().map(|apart| heat(f64::from(apart / most).powi(2))).collect();
    let errors: Vec<Canvas> = pairs.iter().map(|[a, b]| error_map(&a.canvas, &b.canvas)).collect();
    let plain = |model: usize| Row {
        label: models[model].clone(),
        cells: pairs.iter().map(|pair| Some(pair[model].canvas.clone())).collect(),
        ..Row::default()
    };
    let by_cluster = |[a, _]: &[Cell; 2]| {
        let pixels = a.regions.iter().flat_map(|region| heats[usize::from(*region)]).collect();
        let mut canvas = Canvas { pixels, ..a.canvas.clone() };
        overlay::number(&mut canvas, &a.regions, catalogue.clusters);
        Some(canvas)
    };
    let mut rows = vec![
        plain(0),
        plain(1),
        Row {
            label: "difference".into(),
            detail: "ΔE per pixel".into(),
            cells: errors.iter().cloned().map(Some).collect(),
            ..Row::default()
        },
        Row {
            label: "by cluster".into(),
            detail: format!("mean square, over {} seeds", catalogue.facts.seeds),
            cells: pairs.iter().map(by_cluster).collect(),
            ..Row::default()
        },
    ];
    let mut order: Vec<usize> = (0..catalogue.differences.len()).collect();
    order.sort_by(|a, b| catalogue.differences[*b].total_cmp(&catalogue.differences[*a]));
    for cluster in order {
        let one = |(pair, error): (&[Cell; 2], &Canvas)| {
            Some(overlay::spotlight(error, &is_in(&pair[0], cluster), overlay::colour(cluster)))
        };
        rows.push(cluster_row(catalogue, names, cluster, pairs.iter().zip(&errors).map(one).collect()));
    }
    Sheet {
        title: format!("{} and {}, by cluster", models[0], models[1]),
        note: note(catalogue),
        columns: of(0).map(|shown| format!("seed {}", shown.seed)).collect(),
        rows,
        footer: format!("renderer: {}", catalogue.facts.device),
        ..Sheet::default()
    }
}
