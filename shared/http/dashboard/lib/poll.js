// Views are live by asking again and again, as long as somebody can see them.
import { useEffect, useRef, useState } from './html.js';

const SLOWEST_MS = 15_000;

/** No view asks until `acted`: what is being done may take away what they ask for. */
export const acting = () => dispatchEvent(new Event('acting'));

/** Asks at once, by every view that is shown: something was done. */
export const acted = () => dispatchEvent(new Event('acted'));

/**
 * What `load(signal)` answers, asked again every so often: `{data, error, refresh}`. With other `inputs` it begins anew. It
 * stands still in a tab that nobody sees, and asks ever more rarely where it fails. What takes long is asked more rarely, too; what
 * `isOver(data)` is asked for no more, until it is seen anew or something was done.
 */
export function usePoll(load, inputs, everyMs = 2000, isOver = () => false) {
  const [state, set] = useState({ data: null, error: null });
  const refresh = useRef(() => {});
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    let [timer, asking, failures, gone] = [0, null, 0, false];
    async function round() {
      clearTimeout(timer);
      if (asking || document.hidden || gone) return;
      const begun = performance.now();
      asking = new AbortController();
      const { signal } = asking;
      let over = false;
      try {
        const data = await latest.current(signal);
        if (signal.aborted) return;
        set({ data, error: null });
        over = isOver(data);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        set((before) => ({ ...before, error }));
        failures++;
      }
      asking = null;
      if (over) return;
      const patient = Math.max(everyMs, 10 * (performance.now() - begun)) * 2 ** Math.min(failures, 3);
      timer = setTimeout(round, Math.min(patient, Math.max(everyMs, SLOWEST_MS)));
    }
    function stop() {
      asking?.abort();
      asking = null;
      clearTimeout(timer);
    }
    refresh.current = round;
    round();
    document.addEventListener('visibilitychange', round);
    addEventListener('acting', stop);
    addEventListener('acted', round);
    return () => {
      gone = true;
      stop();
      document.removeEventListener('visibilitychange', round);
      removeEventListener('acting', stop);
      removeEventListener('acted', round);
    };
  }, inputs);
  return { ...state, refresh: () => refresh.current() };
}
