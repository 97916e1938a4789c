/** Entry of the asr leaf's process. */
import { createAsrHandlers } from '../engine/asr/asrLeaf.ts';
import { parentPort, serveLeaf } from '../host/serve.ts';

serveLeaf('asr', createAsrHandlers(), parentPort(), Number(process.argv[2]));
