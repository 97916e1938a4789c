/** Progress on stderr: a bar that redraws itself in a terminal, a line at each quarter elsewhere. */
import type { Io } from './io.ts';

export interface Progress {
  /** `done` of `total`, in the same unit. */
  update(done: number, total: number): void;
  finish(): void;
}

const BAR_CELLS = 24;
const REDRAW_MS = 100;

export function createProgress(io: Io, title: string, unit: 'bytes' | 'percent'): Progress {
  const started = Date.now();
  let lastDraw = 0;
  let lastQuarter = 0;
  let drawn = false;
  const label = (done: number, total: number): string => {
    if (unit === 'percent') return `${Math.floor((100 * done) / Math.max(total, 1e-9))} %`;
    const speed = done / Math.max(0.001, (Date.now() - started) / 1000);
    return `${mega(done)} of ${mega(total)} MB, ${mega(speed)} MB/s`;
  };
  return {
    update(done, total) {
      const share = Math.min(1, total > 0 ? done / total : 0);
      if (io.isInteractive) {
        if (Date.now() - lastDraw < REDRAW_MS && share < 1) return;
        lastDraw = Date.now();
        const cells = Math.round(share * BAR_CELLS);
        io.err(
          `\r\x1b[K${title} [${'█'.repeat(cells)}${'·'.repeat(BAR_CELLS - cells)}] ${label(done, total)}`,
        );
        drawn = true;
        return;
      }
      const quarter = Math.floor(share * 4);
      if (quarter > lastQuarter) {
        lastQuarter = quarter;
        io.err(`${title}: ${label(done, total)}\n`);
      }
    },
    finish() {
      if (drawn) io.err('\r\x1b[K');
    },
  };
}

const mega = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
