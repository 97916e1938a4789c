/** Entry of the tts leaf's process. */
import { createTtsHandlers } from '../engine/tts/ttsLeaf.ts';
import { forkPort, serveLeaf } from '../host/serve.ts';

serveLeaf('tts', createTtsHandlers(), forkPort(), Number(process.argv[2]));
