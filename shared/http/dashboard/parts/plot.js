// A plot over time. For a reader of screens it is a sentence.
import { html, useEffect, useRef } from '../lib/html.js';
import UPlot from '../vendor/uplot.js';

const HEIGHT = 140;

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

/** A colour that is `light-dark(…)` is resolved by an element that has it. */
function resolved(name) {
  const probe = document.createElement('i');
  probe.style.color = css(name);
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function options(width, series) {
  const [faint, line] = [resolved('--faint'), resolved('--line')];
  const axis = { stroke: faint, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: '11px system-ui' };
  return {
    width, height: HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [8, 8, 0, 0],
    axes: [axis, { ...axis, size: 44 }], scales: { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
    series: [{}, ...series.map(({ label, color, fill, stepped }) => ({
      label, paths: stepped && UPlot.paths.stepped({ align: 1 }), stroke: resolved(color), width: 1.5, fill: fill && `color-mix(in srgb, ${resolved(color)} 12%, transparent)`, points: { show: false } }))],
  };
}

/** `data` are columns: the times in seconds, then the values of each of `series` (`{label, color, fill, stepped}`). */
export function Plot({ data, series, said }) {
  const [place, plot] = [useRef(null), useRef(null)];
  useEffect(() => {
    // Another view may be there by now.
    if (!place.current) return undefined;
    const wide = () => place.current?.clientWidth ?? 0;
    plot.current = new UPlot(options(wide(), series), data, place.current);
    const fit = new ResizeObserver(() => plot.current.setSize({ width: wide(), height: HEIGHT }));
    fit.observe(place.current);
    return () => (fit.disconnect(), plot.current.destroy());
  }, []);
  useEffect(() => plot.current?.setData(data), [data]);
  return html`<div class="plot" role="img" aria-label=${said} ref=${place}></div>`;
}
