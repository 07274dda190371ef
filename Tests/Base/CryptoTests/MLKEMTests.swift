import Bytes
import Crypto
import Testing

/// That the library's ML-KEM-768 is FIPS 203's, and not an earlier Kyber: the first of the known answers that
/// implementations share.
@Suite("ML-KEM-768 where libcrypto has it", .enabled(if: MLKEM768.isAvailable))
struct MLKEMTests {
    init() { CryptoLibrary.forgetErrors() }

    @Test("From the known seed comes the known key, and the known ciphertext opens to the known secret")
    func knownAnswer() throws {
        let seed = try #require(Hex.decode(Self.seed))
        let key = try MLKEM768.PrivateKey(seedRepresentation: seed)
        #expect(Hex.encode(Array(SHA256.hash(data: key.publicKey.rawRepresentation))) == Self.publicKeyHash)
        let ciphertext = try #require(Hex.decode(Self.ciphertext.filter { !$0.isWhitespace }))
        #expect(ciphertext.count == 1_088)
        let secret = try key.decapsulate(ciphertext).withUnsafeBytes { Array($0) }
        #expect(Hex.encode(secret) == Self.secret)
    }

    @Test("What is encapsulated to a public key, its private half has too; changed bytes are another secret")
    func roundTrip() throws {
        let key = try MLKEM768.PrivateKey()
        let publicKey = try MLKEM768.PublicKey(rawRepresentation: key.publicKey.rawRepresentation)
        let (secret, sent) = try publicKey.encapsulate()
        #expect(try sent.count == 1_088 && secret.bitCount == 256 && key.decapsulate(sent) == secret)
        var changed = sent
        changed[0] ^= 1
        #expect(try key.decapsulate(changed) != secret)
        #expect(try publicKey.encapsulate().sharedSecret != secret)
    }

    @Test("Keys, seeds and ciphertexts of another length, and keys out of range, are refused")
    func refused() throws {
        let key = try MLKEM768.PrivateKey()
        let bytes = key.publicKey.rawRepresentation
        #expect(throws: CryptoError.self) { try MLKEM768.PublicKey(rawRepresentation: bytes.dropLast()) }
        #expect(throws: CryptoError.self) { try MLKEM768.PublicKey(rawRepresentation: bytes + [0]) }
        #expect(throws: CryptoError.self, "FIPS 203, 7.2: coefficients not below q") {
            try MLKEM768.PublicKey(rawRepresentation: Array(repeating: 0xFF, count: 1_184))
        }
        #expect(throws: CryptoError.self) { try MLKEM768.PrivateKey(seedRepresentation: [1]) }
        #expect(throws: CryptoError.self) { try key.decapsulate([1]) }
        #expect(!CryptoLibrary.hasPendingError)
    }

    /// d ‖ z.
    private static let seed =
        "7c9935a0b07694aa0c6d10e4db6b1add2fd81a25ccb148032dcd739936737f2d"
        + "8626ed79d451140800e03b59b956f8210e556067407d13dc90fa9e8b872bfb8f"
    private static let publicKeyHash = "86adbca81f4fee893e2fb58fb98aa2fe188f501fed268d7f4056f8c05c4e53c4"
    private static let secret = "ac865f839fef1bf3d528dd7504bed2f64b5502b0fa81d1c32763658e4aac5037"
    private static let ciphertext = """
        3b835a5fa145387a0819c4daa1e65fbe2ba5400afcd640bbddbbe3585f24bedd51289694a4fe643cd5af9c8eb277c3f1
        877a347a97ebea8a037971c6b37993e433cfaf580eba4b7fda990d54bf4d60caf9d1cafc477fd956f8e6070b6aeec677
        6eb814835407b5f705db9472701d16e00655024a309b14ddbf36d222bb509647a5a049d5816f49ad9f2975ddb64c2df0
        5ffeb24c6a3f24a786dbf4f6d5666fc55fb73539679dc15b72fb4f6ce38feb281d28c908d5195db7008315978ef9d2c6
        7dc4dbcc4962467a2d44f7235fa54ebd88bdec32408b1f7aff1b842064075651f03a3afd2721ed1fe4ff1a8775c6b4d9
        5764555412cff2f8aa4404900f33585f0bd1b70955cff80130dcc2403920e9744a3d0da914405561ecb2bb32120b7adb
        d2f4d8e9a07b4630480b8df8c068934ffd9bc9b855a888eeca090f211905e074a078ab68917e7445a6c7c7e39403753c
        e19b6614b9d222ab99f263a681cec6c037587ef051f0f7294e376528b31789a530342258241c99ae7d384bcd61012a32
        a977c638b09a3bc16a33aa47cf2d7f12d79d8aa50f63c8c53c439800b2ed9bba9481eb181b4244ed067d62695d6a99df
        d7bf8788c159caaf94e9fda92ac5a93f59a0df7c0f9bbd417cb8cf45d1076006e08a9e585ee4d7394265582a87641f16
        53be9edf194401e6e4ee93c4ab054a1b6e81e3bf01fd26f2e9a6db5bf6c0dbd21e14c2e1a5a4cff0b267ed95427b0b04
        9eff7fbc093b054510578523ac7a32cc1f8edfcf078a6c71e6e6788edfda7d7badd375f7d911efafb9cb406e968bc598
        9418fb09729ed51c92c4aeae10846384f4a091c405ad85773fe0ade816eddfd618ba0ea5deb73cc43592e06301511802
        5542871e7a60f844a6b2c3d630f9c6f85791e8d2bdf3578ff92628e8acaf02b88d79797fb1ac30153201fcad2234fbd4
        f2fc84fa7d2ab6fb2e4d9b55f11dd91a798726107c6842c3e7a1ca895035a8fe701058e3426e17bbf04c23e78ffb283e
        027e1c636b1cf9ded3f5909ebcb0fc63608e918c9ea9a7f7b6d3ece727dac128d31b7c0ffd9e43046ae6a53c25888d0e
        602b2302e255dca8c58c10c010269152582c598fdda0b8f43e311ea15ba96e0d9ff3936f5f18631fb9d03020e342647b
        e078c12a9475474b3dee55abc0e3dd804d73fd929b6af94a67dd27c35b5fc2c9bce500b8103b984423cec746231a5b81
        9acdea138816e70a95005ea92f7232b666e772c060f95e20612eb7dad3297a342a7817c73e24318a0b761562d1ccb6b5
        d618cbe06f4b1e7b351b6b831fc83479eb34bf947b68b3a1b557ad866872656c9f59e7578061e84dbae900af3301bef1
        eaa0c6424746302930bb685c8f3d9721521ed61bb648a4d5335c4ebf3061f8863941955242feeec86462828239f460f5
        5cf9de10bada5627f9d3328362d6ada08f70f0c65c5a155b2da66156a6aae555c0371328924928e046135daaf48b86c1
        ea78b56f40afb2794fb74b9627e2a43aabf3e17a84ee7ad30cf79eb20a72ac69
        """
}

@Suite("ML-KEM-768 where libcrypto has none", .disabled(if: MLKEM768.isAvailable))
struct MLKEMAbsenceTests {
    init() { CryptoLibrary.forgetErrors() }

    @Test("A key is refused with the version that has it, and the one that is there")
    func refused() {
        let error = #expect(throws: CryptoError.self) {
            try MLKEM768.PublicKey(rawRepresentation: Array(repeating: 0, count: 1_184))
        }
        #expect(error?.description.contains("OpenSSL 3.5") == true)
        #expect(error?.description.contains(CryptoLibrary.version) == true)
        #expect(throws: CryptoError.self) { try MLKEM768.PrivateKey() }
        #expect(throws: CryptoError.self) {
            try MLKEM768.PrivateKey(seedRepresentation: Array(repeating: 0, count: 64))
        }
        #expect(!CryptoLibrary.hasPendingError)
    }
}
