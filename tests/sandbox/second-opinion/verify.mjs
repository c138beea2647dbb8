// SPDX-License-Identifier: LGPL-2.1-or-later
// Verifies ceremonies with another implementation of WebAuthn. Reads a JSON array of
// {"kind": "registration" | "authentication", "options", "origin", "rpId", "response", "passkey"} from
// standard input; "passkey" is the vault's passkey before an authentication. Writes an array of
// {"verified": true, ...results} or {"verified": false, "problem"}.

import { webcrypto } from "node:crypto";
import { text } from "node:stream/consumers";

globalThis.crypto ??= webcrypto; // missing in Node 18; set before the import
const { verifyAuthenticationResponse, verifyRegistrationResponse } = await import("@simplewebauthn/server");

const base64url = (bytes) => Buffer.from(bytes).toString("base64url");

const expectations = ({ options, origin, rpId }) => ({
  expectedChallenge: options.challenge,
  expectedOrigin: origin,
  expectedRPID: rpId,
  requireUserVerification: true,
});

async function registration(ceremony) {
  const { verified, registrationInfo } = await verifyRegistrationResponse({
    ...expectations(ceremony),
    response: ceremony.response,
    supportedAlgorithmIDs: ceremony.options.pubKeyCredParams.map(({ alg }) => alg),
  });
  if (!verified) throw new Error("not verified");
  const { aaguid, credential, credentialBackedUp, credentialDeviceType, fmt, userVerified } = registrationInfo;
  return {
    fmt, aaguid, userVerified, backedUp: credentialBackedUp, deviceType: credentialDeviceType,
    id: credential.id, counter: credential.counter, publicKey: base64url(credential.publicKey),
  };
}

async function authentication(ceremony) {
  const { id, publicKey, counter, transports } = ceremony.passkey.credential;
  const { verified, authenticationInfo } = await verifyAuthenticationResponse({
    ...expectations(ceremony),
    response: ceremony.response,
    credential: { id, counter, transports, publicKey: new Uint8Array(Buffer.from(publicKey, "base64url")) },
  });
  if (!verified) throw new Error("not verified");
  const { credentialID, newCounter, userVerified, credentialBackedUp, credentialDeviceType } = authenticationInfo;
  return {
    id: credentialID, counter: newCounter, userVerified, backedUp: credentialBackedUp,
    deviceType: credentialDeviceType,
  };
}

const verify = { registration, authentication };
const answers = [];
for (const ceremony of JSON.parse(await text(process.stdin))) {
  try {
    answers.push({ verified: true, ...(await verify[ceremony.kind](ceremony)) });
  } catch (error) {
    answers.push({ verified: false, problem: error.message });
  }
}
console.log(JSON.stringify(answers));
