/** Where Sotto keeps its data: one folder, so that removing Sotto is removing it. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** SOTTO_HOME, else the platform's place for application data. */
export function dataDir(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  if (env.SOTTO_HOME) return env.SOTTO_HOME;
  if (platform === 'win32') return join(env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'Sotto');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Sotto');
  return join(env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'sotto');
}
