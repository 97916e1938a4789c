/** Entry of the asr leaf's process. */
import { createAsrHandlers } from '../engine/asr/asrLeaf.ts';
import { forkPort, serveLeaf } from '../host/serve.ts';

serveLeaf('asr', createAsrHandlers(), forkPort(), Number(process.argv[2]));
