// SPDX-License-Identifier: LGPL-2.1-or-later
// What this page asks of the device, by way of passlock.js.

let settings; // tenancyId and endpoint
let passlock; // of passlock.js, once loaded
let loads = 0;

const MESSAGES = {
  "@error/DuplicatePasskey": "This device holds a passkey for your account already. One is enough.",
  "@error/PasskeyUnsupported": "This device has no passkeys of the kind that is asked for.",
  "@error/OrphanedPasskey": "This passkey was deleted from its account and opens nothing any more. Your device still has it.",
};

const NOTHING_DONE = { registerPasskey: "No passkey was made", authenticatePasskey: "Nobody was signed in" };

const FINAL = ["@error/DuplicatePasskey", "@error/PasskeyUnsupported", "@error/OrphanedPasskey"];

function describe({ _tag: tag }, method) {
  if (tag === "@error/OtherPasskey")
    return `${NOTHING_DONE[method]}: your device did not confirm in time, or you cancelled.`;
  return MESSAGES[tag] ?? "The passkey service cannot be reached right now. Please try again in a moment.";
}

/** What went wrong at the device, or between page and API. */
export class DeviceError extends Error {
  constructor(error, method) {
    super(describe(error, method));
    /** Whether asking the same again may help. */
    this.passing = !FINAL.includes(error._tag);
    /** The passkey that nobody but the device knows any more: see forget(). */
    this.orphan = error._tag === "@error/OrphanedPasskey" ? error : null;
  }
}

export function configure(config) {
  settings = config;
}

async function load() {
  if (passlock) return passlock;
  try {
    // A browser may remember that a module could not be loaded, so each attempt has its own name.
    const { Passlock } = await import(`${settings.endpoint}/passlock.js?load=${++loads}`);
    passlock = new Passlock(settings);
    return passlock;
  } catch {
    throw new DeviceError({ _tag: "@error/NetworkRequest" });
  }
}

async function perform(method, options) {
  const result = await (await load())[method](options);
  if (!result.success) throw new DeviceError(result.error, method);
  return result.value;
}

/** Makes a passkey. Resolves to the code that our server exchanges. */
export const createPasskey = async (registrationToken, onEvent) =>
  (await perform("registerPasskey", { registrationToken, onEvent })).code;

/** Asks for a passkey. Resolves to the code that our server exchanges. */
export const askForPasskey = async (authenticationToken) =>
  (await perform("authenticatePasskey", { authenticationToken })).code;

export const canOfferInForms = async () =>
  Boolean(await PublicKeyCredential.isConditionalMediationAvailable?.());

/**
 * Tells the device of a change ("update", "delete", "prune") that our server has made. Resolves to
 * whether it could be told: the change itself stands either way.
 */
export async function tell(kind, token) {
  try {
    const { warnings } = await perform(`${kind}Passkeys`, { [`${kind}PasskeysToken`]: token });
    return !warnings.some(({ code }) => code.startsWith("BROWSER_SIGNAL_"));
  } catch {
    return false;
  }
}

/** Has the device remove an orphan. Resolves to whether it could be told. */
export async function forget({ credentialId, rpId }) {
  const { warnings } = await perform("removeOrphanedPasskey", { credentialId, rpId });
  return warnings.length === 0;
}
