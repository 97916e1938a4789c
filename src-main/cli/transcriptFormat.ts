/** A transcript as text, JSON, SubRip or WebVTT. Pure. */
import type { TranscriptSegment } from '../contract/domain.ts';

export type TranscriptFormat = 'txt' | 'json' | 'srt' | 'vtt';

export interface Transcript {
  readonly file: string;
  readonly text: string;
  readonly segments: readonly TranscriptSegment[];
}

const two = (value: number): string => String(value).padStart(2, '0');

/** Hours:minutes:seconds with milliseconds behind `point`. */
export function timeCode(ms: number, point: ',' | '.'): string {
  const whole = Math.max(0, Math.round(ms));
  const seconds = Math.floor(whole / 1000);
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}${point}${String(whole % 1000).padStart(3, '0')}`;
}

export function formatTranscript(format: TranscriptFormat, { file, text, segments }: Transcript): string {
  switch (format) {
    case 'txt':
      return `${text}\n`;
    case 'json':
      return `${JSON.stringify({ file, text, language: 'en', segments })}\n`;
    case 'srt':
      return segments
        .map(
          ({ startMs, endMs, text: line }, i) =>
            `${i + 1}\n${timeCode(startMs, ',')} --> ${timeCode(endMs, ',')}\n${line}\n`,
        )
        .join('\n');
    case 'vtt':
      return `WEBVTT\n${segments
        .map(
          ({ startMs, endMs, text: line }) =>
            `\n${timeCode(startMs, '.')} --> ${timeCode(endMs, '.')}\n${line.replaceAll('-->', '→')}\n`,
        )
        .join('')}`;
  }
}
