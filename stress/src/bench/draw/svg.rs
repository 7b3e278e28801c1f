//! Writes a picture as SVG: plain shapes, no script, nothing from elsewhere.

use super::{Anchor, Color, PAPER, Scene, Shape};

pub(super) fn render(scene: &Scene) -> String {
    let Scene { width, height, .. } = scene;
    let shapes: String = scene.shapes.iter().map(shape).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" \
         font-family=\"'DejaVu Sans',Verdana,sans-serif\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n{shapes}</svg>\n",
        hex(PAPER)
    )
}

fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Rect { at: [x, y, width, height], radius, fill } => format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             rx=\"{radius}\" fill=\"{}\"/>\n",
            hex(*fill)
        ),
        Shape::Line { points, width, color, dashed } => {
            let points: Vec<String> =
                points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let dashes = if *dashed { " stroke-dasharray=\"4 3\"" } else { "" };
            format!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" \
                 stroke-linejoin=\"round\"{dashes}/>\n",
                points.join(" "),
                hex(*color)
            )
        }
        Shape::Dot { center: (x, y), radius, fill } => format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{}\" stroke=\"{}\"/>\n",
            hex(*fill),
            hex(PAPER)
        ),
        Shape::Text { at: (x, y), anchor, size, bold, color, words } => {
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let weight = if *bold { " font-weight=\"bold\"" } else { "" };
            let words = words.replace('&', "&amp;").replace('<', "&lt;");
            format!(
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\"\
                 {weight} fill=\"{}\">{words}</text>\n",
                hex(*color)
            )
        }
    }
}

fn hex([red, green, blue]: Color) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
