/** Signatures against the examples that Amazon publishes for S3 ("Signature Calculations for the Authorization Header"). */
import { expect, test } from 'bun:test'
import { EMPTY_PAYLOAD, signed, type ToSign } from '../../src/uploads/sigv4.ts'

const signer = {
  keyId: 'AKIAIOSFODNN7EXAMPLE',
  secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  region: 'us-east-1',
}
const at = (path: string): URL => new URL(`https://examplebucket.s3.amazonaws.com${path}`)
const payload = EMPTY_PAYLOAD

test.each<[string, ToSign, string]>([
  [
    'GET of a part',
    { method: 'GET', url: at('/test.txt'), headers: { Range: 'bytes=0-9' }, payload },
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  ],
  [
    'PUT with a name to encode',
    {
      method: 'PUT',
      url: at('/test%24file.text'),
      headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
      payload: '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    },
    '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  ],
  [
    'a query without a value',
    { method: 'GET', url: at('/?lifecycle'), payload },
    'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  ],
  [
    'a list',
    { method: 'GET', url: at('/?prefix=J&max-keys=2'), payload },
    '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  ],
])('%s', (_name, request, signature) => {
  const { authorization } = signed(signer, request, Date.UTC(2013, 4, 24))
  expect(authorization).toEndWith(`,Signature=${signature}`)
  expect(authorization).toStartWith(
    'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=',
  )
})
