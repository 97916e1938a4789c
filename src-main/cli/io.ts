/** Where a command reads and writes; results on stdout, everything else on stderr. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** stderr is a terminal: progress may redraw a line. */
  readonly isInteractive: boolean;
  readonly signal: AbortSignal;
}

/** Exit codes, as documented in `sotto --help`. */
export const EXIT = { ok: 0, error: 1, usage: 2, interrupted: 130 } as const;

/** The process's own streams. A reader that goes away (`sotto … | head`) ends the program quietly. */
export function processIo(signal: AbortSignal): Io {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(EXIT.ok);
    });
  }
  return {
    out: (text) => {
      process.stdout.write(text);
    },
    err: (text) => {
      process.stderr.write(text);
    },
    isInteractive: process.stderr.isTTY === true,
    signal,
  };
}
