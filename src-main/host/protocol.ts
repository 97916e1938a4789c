/**
 * The frames between a caller and a leaf process.
 *
 * Without generation numbers an answer of a killed leaf could end the request of its successor; without a
 * check of what arrives, a corrupted frame would surface far away. The rule: every frame names the
 * generation it belongs to, the parent drops all others, and a frame of unknown shape is a protocol error
 * that costs the leaf its life, never the parent.
 */
import type { WireError } from '../contract/errors.ts';

/** From caller to leaf. */
export type DownFrame =
  | {
      readonly kind: 'request';
      readonly generation: number;
      readonly id: number;
      readonly method: string;
      readonly input: unknown;
    }
  | { readonly kind: 'push'; readonly generation: number; readonly id: number; readonly message: unknown }
  | { readonly kind: 'cancel'; readonly generation: number; readonly id: number }
  | { readonly kind: 'ping'; readonly generation: number; readonly nonce: number };

/** From leaf to caller. */
export type UpFrame =
  | { readonly kind: 'ready'; readonly generation: number }
  | { readonly kind: 'event'; readonly generation: number; readonly id: number; readonly event: unknown }
  | { readonly kind: 'result'; readonly generation: number; readonly id: number; readonly output: unknown }
  | { readonly kind: 'error'; readonly generation: number; readonly id: number; readonly error: WireError }
  | { readonly kind: 'cancelled'; readonly generation: number; readonly id: number }
  | {
      readonly kind: 'pong';
      readonly generation: number;
      readonly nonce: number;
      readonly residentBytes: number;
    };

const hasNumber = (value: object, key: string): boolean =>
  typeof (value as Record<string, unknown>)[key] === 'number';

function isWireError(value: unknown): value is WireError {
  if (typeof value !== 'object' || value === null) return false;
  const error = value as Partial<WireError>;
  return (
    typeof error.code === 'string' && typeof error.stage === 'string' && typeof error.message === 'string'
  );
}

/** The frame a leaf sent, or null when it is none. Payloads are typed by the method map, not checked here. */
export function parseUpFrame(value: unknown): UpFrame | null {
  if (typeof value !== 'object' || value === null || !hasNumber(value, 'generation')) return null;
  const frame = value as UpFrame;
  switch (frame.kind) {
    case 'ready':
      return frame;
    case 'event':
    case 'result':
    case 'cancelled':
      return hasNumber(frame, 'id') ? frame : null;
    case 'error':
      return hasNumber(frame, 'id') && isWireError(frame.error) ? frame : null;
    case 'pong':
      return hasNumber(frame, 'nonce') && hasNumber(frame, 'residentBytes') ? frame : null;
    default:
      return null;
  }
}
