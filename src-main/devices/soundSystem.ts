/**
 * Whether this machine has sound at all, asked without touching the sound libraries.
 *
 * On a server ALSA answers every question with a page of complaints on the terminal; where there is neither
 * a sound card nor a sound server it need not be asked.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export function hasSoundSystem(
  platform: NodeJS.Platform = process.platform,
  env: NodeJS.ProcessEnv = process.env,
): boolean {
  if (platform !== 'linux') return true;
  const named = [env.PULSE_SERVER, env.PIPEWIRE_REMOTE].filter((name) => name !== undefined && name !== '');
  if (named.some((name) => name !== undefined && isThere(name))) return true;
  const runtime = env.XDG_RUNTIME_DIR ?? `/run/user/${process.getuid?.() ?? 0}`;
  const servers = [join(runtime, 'pulse', 'native'), join(runtime, 'pipewire-0')];
  if (servers.some((path) => existsSync(path))) return true;
  try {
    return readdirSync('/dev/snd').some((name) => name.startsWith('pcm'));
  } catch {
    return false;
  }
}

/** A server named by its socket's path is there when the socket is; any other name may answer. */
function isThere(server: string): boolean {
  const path = server.replace(/^(\{[^}]*\})?(unix:)?/, '');
  return !path.startsWith('/') || existsSync(path);
}
