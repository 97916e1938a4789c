/** The states of a conversation turn as one table; the flow only carries it out. */
import { assertNever } from '../../contract/errors.ts';

export type TurnState = 'listening' | 'thinking' | 'speaking' | 'done' | 'interrupted' | 'failed';

export type TurnEvent = 'released' | 'firstAudible' | 'finished' | 'interrupted' | 'failed';

/** The next state. An event that does not fit the state changes nothing: late answers are the normal case. */
export function nextTurnState(state: TurnState, event: TurnEvent): TurnState {
  const isOver = state === 'done' || state === 'interrupted' || state === 'failed';
  if (isOver) return state;
  switch (event) {
    case 'released':
      return state === 'listening' ? 'thinking' : state;
    case 'firstAudible':
      return state === 'thinking' ? 'speaking' : state;
    case 'finished':
      return state === 'listening' ? state : 'done';
    case 'interrupted':
      return 'interrupted';
    case 'failed':
      return 'failed';
    default:
      return assertNever(event, 'turn event');
  }
}
