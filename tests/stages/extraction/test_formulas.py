"""A formula gives one rendering."""

import pytest

MATHML = (
    "<math><semantics><mrow><mi>π</mi><msup><mi>r</mi><mn>2</mn></msup></mrow>"
    '<annotation encoding="application/x-tex">\\pi r^{2}</annotation></semantics></math>'
)
CASES = {
    "MathML with TeX": (MATHML, "\\pi r^{2}"),
    "MathML": ("<math><mi>π</mi><msup><mi>r</mi><mn>2</mn></msup></math>", "πr^2"),
    "fraction": ("<math><mfrac><mi>a</mi><mi>b</mi></mfrac><mo>+</mo><msub><mi>x</mi><mn>1</mn></msub></math>", "a/b+x_1"),
    "KaTeX": (
        f'<span class="katex"><span class="katex-mathml">{MATHML}</span>'
        '<span class="katex-html" aria-hidden="true"><span>π</span><span>r</span><span>2</span></span></span>',
        "\\pi r^{2}",
    ),
    "MathJax 2": (
        '<span class="MathJax_Preview">pi r2</span><span class="MathJax" id="MathJax-1"><span>πr</span><span>2</span></span>'
        '<script type="math/tex">\\pi r^{2}</script>',
        "\\pi r^{2}",
    ),
    "MathJax 3": (
        '<mjx-container><mjx-math aria-hidden="true">πr2</mjx-math>'
        f"<mjx-assistive-mml>{MATHML}</mjx-assistive-mml></mjx-container>",
        "\\pi r^{2}",
    ),
    "MediaWiki": (
        f'<span class="mwe-math-element"><span class="mwe-math-mathml-inline" style="display: none;">{MATHML}</span>'
        '<img src="x.svg" class="mwe-math-fallback-image-inline" aria-hidden="true" alt="{\\displaystyle \\pi r^{2}}"></span>',
        "\\pi r^{2}",
    ),
    "image": ('<img class="tex" alt="\\pi r^{2}">', "\\pi r^{2}"),
    "script": ('<script type="math/tex; mode=display">x_1+x_2</script>', "x_1+x_2"),
}  # fmt: skip


@pytest.mark.parametrize(("html", "wanted"), CASES.values(), ids=CASES)
def test_a_formula_is_written_once(all_text, html, wanted):
    assert all_text(f"<p>The area {html} here.</p>") == f"The area {wanted} here."


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ("10<sup>-3</sup> m<sup>2</sup>, H<sub>2</sub>O", "10^-3 m^2, H_2O"),
        ("10<sup>−3</sup>", "10^-3"),
        ("x<sup>n</sup>", "x^n"),
        ("the 1<sup>st</sup> of May", "the 1st of May"),
        ("Brand<sup>TM</sup>", "BrandTM"),
        ('a word<sup><a href="#n">3</a></sup>', "a word3"),
        ("a <sup>2</sup>", "a 2"),
        ("x<sup>a long note</sup>", "xa long note"),
    ],
)
def test_powers_and_indices_are_marked(all_text, html, wanted):
    assert all_text(f"<p>{html}</p>") == wanted
