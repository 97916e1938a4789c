/** The reason a turn's work is aborted with when the user interrupts it: not an error, and never shown. */
export class Interrupted extends Error {}
