import { describe, expect, it } from 'vitest';
import { SottoError } from '../../src-main/contract/errors.ts';
import { diskError, NAMED_FILE, OWN_FOLDER } from '../../src-main/core/diskError.ts';

const refused = (code: string): Error => Object.assign(new Error(`${code}: refused`), { code });

describe('a refused write', () => {
  it.each(['ENOSPC', 'EDQUOT'])('%s is a full disk', (code) => {
    const error = diskError(refused(code), '/data/x', 'models', OWN_FOLDER);
    expect(error).toMatchObject({ code: 'disk-full', message: expect.stringContaining('/data/x') });
  });
  it.each(['EACCES', 'EROFS', 'EPERM', 'ENOTDIR'])('%s is a place that cannot be written to', (code) => {
    expect(diskError(refused(code), '/x', 'models', OWN_FOLDER)).toMatchObject({
      code: 'not-writable',
      message: expect.stringContaining('SOTTO_HOME'),
    });
  });
  it('to a folder that is not there is one for a file the user named', () => {
    expect(diskError(refused('ENOENT'), '/x', 'device', NAMED_FILE)).toMatchObject({ code: 'not-writable' });
  });
  it('leaves every other error as it is', () => {
    const other = refused('EMFILE');
    const own = new SottoError('known', { code: 'checksum', stage: 'models' });
    expect(diskError(other, '/x', 'models', OWN_FOLDER)).toBe(other);
    expect(diskError(own, '/x', 'models', OWN_FOLDER)).toBe(own);
    expect(diskError('text', '/x', 'models', OWN_FOLDER)).toBe('text');
  });
});
