/** Headers of every answer about a file, errors too: pages of all origins may read it, and it can do nothing itself. */
import { encoded, UPLOAD_PATH } from '../../uploads/address.ts'

export const isUploadPath = (path: string): boolean => path.startsWith(`${UPLOAD_PATH}/`)

export const FILE_HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'Content-Length, Content-Range, Content-Disposition, ETag, Accept-Ranges',
  'cross-origin-resource-policy': 'cross-origin',
  // A browser that shows it by itself runs nothing in it; pictures and players need themselves.
  'content-security-policy':
    "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; frame-ancestors 'none'",
}

/** Only UTF-8 (RFC 8187): no quotes that a name could end, no line that it could begin. */
export const disposition = (how: 'inline' | 'attachment', name: string): string =>
  `${how}; filename*=UTF-8''${encoded(name)}`
