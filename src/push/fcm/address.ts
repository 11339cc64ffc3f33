/** Addresses of FCM devices: a registration token, or the id of an installation (message.fid) behind a mark. */
export const FID_MARK = 'fid:'

export const isFcmAddress = (text: string): boolean => /^(?:fid:[\w-]{20,64}|[\w:-]{32,4096})$/.test(text)
