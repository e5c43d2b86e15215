import mathjax from 'mathjax';

const MathJax = await mathjax.init({
  loader: { load: ['input/tex', 'output/svg'] },
  startup: { typeset: false },
  tex: {
    formatError: (/** @type {unknown} */ _, /** @type {Error} */ error) => {
      throw error;
    },
  },
});

/**
 * `$…$` and `$$…$$` in comments become drawings, so that pages need no script and no network.
 *
 * @param {import('markdown-it').default} parser
 */
export function typesetFormulas(parser) {
  parser.inline.ruler.before('escape', 'formula', (state, silent) => {
    const pattern = /\$\$([^]+?)\$\$|\$([^\s$][^$\n]*)\$/y;
    pattern.lastIndex = state.pos;
    const match = pattern.exec(state.src);
    if (!match) return false;
    if (!silent) {
      const token = state.push('html_inline', '', 0);
      const display = match[1] !== undefined;
      const svg = MathJax.startup.adaptor.innerHTML(MathJax.tex2svg(match[1] ?? match[2], { display }));
      token.content = display ? `<div style="overflow-x:auto">${svg}</div>` : svg;
    }
    state.pos = pattern.lastIndex;
    return true;
  });
}
