//! Parts whose place is known: clusters are named by how much they overlap with a region.

use super::error;
use super::grid::Grid;
use crate::channels::names;
use crate::diag::Problem;
use crate::network::Shape;
use crate::picture::Image;

/// A place in all pictures, with the name of what is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    pub name: String,
    area: Area,
}

#[derive(Clone, Debug, PartialEq)]
enum Area {
    /// Left, upper, right and lower edge, in parts of the picture (`true`) or in pixels.
    Box([f64; 4], bool),
    /// Row by row.
    Mask { height: usize, width: usize, inside: Vec<bool> },
}

impl Region {
    /// `NAME=x0,y0,x1,y1`: in parts of the picture where all four are at most 1, in its pixels otherwise; or `NAME=PATH` of
    /// a mask that is white where the part is, which `open` reads.  Errors: E0764, and those of `open`.
    pub fn parse(text: &str, open: &mut dyn FnMut(&str) -> Result<Image, Problem>) -> Result<Region, Problem> {
        let wrong = |why: &str| error::bad_region(text, why);
        let (name, place) = text.split_once('=').ok_or_else(|| wrong("has no `=`"))?;
        if !names::is_name(name) {
            return Err(wrong("has no name that recipes can say: small letters, digits and `_`"));
        }
        let numbers: Option<Vec<f64>> = place.split(',').map(|part| part.trim().parse().ok()).collect();
        let area = match numbers.as_deref() {
            Some(&[left, top, right, bottom]) => {
                let all = [left, top, right, bottom];
                if all.iter().any(|edge| !edge.is_finite() || *edge < 0.0) || left >= right || top >= bottom {
                    return Err(wrong("is an empty box: it is left, upper, right, lower edge"));
                }
                Area::Box(all, all.iter().all(|edge| *edge <= 1.0))
            }
            Some(other) if other.len() > 1 => return Err(wrong("is a box of other than four numbers")),
            _ => {
                let image = open(place)?;
                let Shape { channels, height, width } = image.shape;
                let pixels = height * width;
                let light = |at: usize| (0..channels).map(|channel| image.values[channel * pixels + at]).sum::<f32>();
                let inside: Vec<bool> = (0..pixels).map(|at| light(at) > 0.5 * channels as f32).collect();
                if !inside.contains(&true) {
                    return Err(wrong("is a mask without white pixels"));
                }
                Area::Mask { height, width, inside }
            }
        };
        Ok(Region { name: name.into(), area })
    }

    /// Which positions of a grid lie in the region; the picture has this height and width.  Errors: E0764 for a box beyond
    /// the picture, or too small to hold a position.
    pub fn on(&self, grid: &Grid, picture: [usize; 2]) -> Result<Vec<bool>, Problem> {
        let found: Vec<bool> = match &self.area {
            Area::Box(edges, is_relative) => {
                let size = if *is_relative { [1.0; 2] } else { picture.map(|size| size as f64) };
                let [left, top, right, bottom] = *edges;
                if right > size[1] || bottom > size[0] {
                    let why = format!("reaches beyond the picture of {} × {} pixels", picture[1], picture[0]);
                    return Err(error::bad_region(&self.name, &why));
                }
                let inside =
                    |[y, x]: [f64; 2]| (left..right).contains(&(x * size[1])) && (top..bottom).contains(&(y * size[0]));
                (0..grid.positions()).map(|at| inside(grid.middle(at))).collect()
            }
            Area::Mask { height, width, inside } => {
                grid.nearest(&Grid::plain(*height, *width)).into_iter().map(|at| inside[at]).collect()
            }
        };
        if !found.contains(&true) {
            let why = format!("holds no position of the clustered layer, which has {} × {}", grid.width, grid.height);
            return Err(error::bad_region(&self.name, &why));
        }
        Ok(found)
    }
}

/// How often clusters lie in a region: sums over pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlap {
    /// Positions of the region.
    pub region: u64,
    /// Per cluster: its positions in the region, and all of its positions.
    pub clusters: Vec<[u64; 2]>,
}

impl Overlap {
    pub fn new(clusters: usize) -> Overlap {
        Overlap { region: 0, clusters: vec![[0; 2]; clusters] }
    }

    /// Adds the clusters of some positions of one picture.
    pub fn add(&mut self, inside: &[bool], positions: &[usize], clusters: &[u16]) {
        for at in positions {
            let counts = &mut self.clusters[usize::from(clusters[*at])];
            counts[1] += 1;
            counts[0] += u64::from(inside[*at]);
            self.region += u64::from(inside[*at]);
        }
    }

    /// The clusters that together overlap the region the most, in rising order, and intersection over union.
    ///
    /// By falling share of a cluster that lies inside, as long as the overlap grows: the best set is always such a beginning
    /// (a cluster helps exactly when inside over outside is above the overlap).
    pub fn best(&self) -> (Vec<usize>, f64) {
        let mut order: Vec<usize> = (0..self.clusters.len()).filter(|at| self.clusters[*at][0] > 0).collect();
        let product = |a: usize, b: usize| u128::from(self.clusters[a][0]) * u128::from(self.clusters[b][1]);
        order.sort_by(|&a, &b| product(b, a).cmp(&product(a, b)).then(a.cmp(&b)));
        let (mut chosen, mut best) = (vec![], 0.0);
        let (mut inside, mut outside) = (0, 0);
        for cluster in order {
            let [own, all] = self.clusters[cluster];
            let overlap = (inside + own) as f64 / (self.region + outside + all - own) as f64;
            if overlap <= best {
                break;
            }
            best = overlap;
            (inside, outside) = (inside + own, outside + all - own);
            chosen.push(cluster);
        }
        chosen.sort_unstable();
        (chosen, best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Code;
    use crate::network::Range;

    fn no_file(path: &str) -> Result<Image, Problem> {
        Err(Problem::new(Code("E0501"), path.to_string()))
    }

    #[track_caller]
    fn check(text: &str, expected: &[usize]) {
        let region = Region::parse(text, &mut no_file).expect("a region");
        let inside = region.on(&Grid::plain(4, 4), [64, 64]).expect("inside");
        let found: Vec<usize> = (0..16).filter(|at| inside[*at]).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn boxes() {
        check("eyes=0,0,0.5,0.25", &[0, 1]);
        check("eyes=0,0,32,16", &[0, 1]);
        check("eyes=0,0,1,1", &(0..16).collect::<Vec<_>>());
        check("eyes=48, 48, 64, 64", &[15]);
        let code = |text: &str| Region::parse(text, &mut no_file).err().map(|problem| problem.code.0);
        assert_eq!(code("eyes"), Some("E0764"));
        assert_eq!(code("Eyes=0,0,1,1"), Some("E0764"));
        assert_eq!(code("eyes=1,2,3"), Some("E0764"));
        assert_eq!(code("eyes=5,0,5,9"), Some("E0764"));
        assert_eq!(code("eyes=x.png"), Some("E0501"));
        let on = |text: &str| Region::parse(text, &mut no_file).expect("a region").on(&Grid::plain(4, 4), [64, 64]);
        assert!(on("eyes=0,0,65,64").is_err() && on("eyes=0,0,2,2").is_err());
    }

    #[test]
    fn masks() {
        let shape = Shape::new(1, 2, 2);
        let image = Image { shape, range: Range::Unit, values: vec![0.0, 1.0, 0.2, 0.6] };
        let region = Region::parse("hair=m.png", &mut |_| Ok(image.clone())).expect("a region");
        let inside = region.on(&Grid::plain(4, 4), [64, 64]).expect("inside");
        assert_eq!((0..16).filter(|at| inside[*at]).collect::<Vec<_>>(), [2, 3, 6, 7, 10, 11, 14, 15]);
    }

    #[test]
    fn the_best_clusters() {
        // Of 100 positions: cluster 2 lies inside wholly, 0 for the most part, 1 hardly, 3 not at all.
        let clusters = vec![[40, 50], [10, 200], [50, 50], [0, 90]];
        let (chosen, overlap) = Overlap { region: 100, clusters }.best();
        assert_eq!(chosen, [0, 2]);
        assert!((overlap - 90.0 / 110.0).abs() < 1e-12);
        assert_eq!(Overlap::new(3).best(), (vec![], 0.0));
    }
}
