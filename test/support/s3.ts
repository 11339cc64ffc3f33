/** A store that speaks S3 and that nobody here wrote: moto's server, which checks signatures. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './ports.ts'

const VERSION = '5.1.4'
/** Kept for the next run. */
const PLACE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'belfry', `moto-${VERSION}`)
export const BUCKET = 'belfry-files'

/** A user who may use S3, with a bucket; prints the access key. The calls before it need no signature that is known. */
const SETUP = `
import boto3, json, sys
at = dict(endpoint_url=sys.argv[1], region_name='eu-central-1')
iam = boto3.client('iam', aws_access_key_id='x', aws_secret_access_key='x', **at)
iam.create_user(UserName='belfry')
policy = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:*', 'Resource': '*'}]}
iam.put_user_policy(UserName='belfry', PolicyName='files', PolicyDocument=json.dumps(policy))
key = iam.create_access_key(UserName='belfry')['AccessKey']
s3 = boto3.client('s3', aws_access_key_id=key['AccessKeyId'], aws_secret_access_key=key['SecretAccessKey'], **at)
s3.create_bucket(Bucket='${BUCKET}', CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})
print(key['AccessKeyId'], key['SecretAccessKey'])
`
/** Calls of SETUP before there is a key. */
const UNSIGNED = 3

export interface S3 extends AsyncDisposable {
  /** The keys of [upload] and [upload.s3], to which more of [upload] cannot be added. */
  readonly toml: string
  readonly secretFile: string
  stop(): Promise<void>
}

export async function s3(): Promise<S3> {
  if (!existsSync(join(PLACE, 'bin', 'moto_server'))) {
    await run('python3', '-m', 'venv', PLACE)
    await run(join(PLACE, 'bin', 'pip'), 'install', '--quiet', `moto[server,s3]==${VERSION}`)
  }
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const server = Bun.spawn([join(PLACE, 'bin', 'moto_server'), '-H', '127.0.0.1', '-p', String(port)], {
    env: { ...process.env, INITIAL_NO_AUTH_ACTION_COUNT: String(UNSIGNED) },
    stdout: 'ignore',
    stderr: 'ignore',
  })
  while (!(await fetch(`${endpoint}/moto-api/`).catch(() => undefined))) await Bun.sleep(20)
  const [keyId = '', secret = ''] = (await run(join(PLACE, 'bin', 'python'), '-c', SETUP, endpoint))
    .trim()
    .split(' ')
  const dir = mkdtempSync(join(tmpdir(), 'belfry-s3-'))
  const secretFile = join(dir, 's3.secret')
  writeFileSync(secretFile, `${secret}\n`)
  const stop = async (): Promise<void> => {
    server.kill()
    await server.exited
  }
  return {
    toml: `storage = "s3"
[upload.s3]
endpoint = "${endpoint}"
bucket = "${BUCKET}"
region = "eu-central-1"
key_id = "${keyId}"
secret_file = "${secretFile}"
`,
    secretFile,
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      rmSync(dir, { recursive: true })
    },
  }
}

async function run(...command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (code !== 0) throw new Error(`${command[0]} ended with ${code}\n${out}\n${err}`)
  return out
}
