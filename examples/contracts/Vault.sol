// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// Ether that moves by signature: whoever brings the owner's signature of a release (EIP-712) has it paid out.
contract Vault {
    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant RELEASE = keccak256("Release(address to,uint256 amount,uint256 nonce)");

    mapping(address owner => uint256) public balanceOf;
    mapping(address owner => uint256) public nonceOf;

    function deposit(address owner) external payable {
        balanceOf[owner] += msg.value;
    }

    function release(address owner, address to, uint256 amount, uint8 v, bytes32 r, bytes32 s) external {
        bytes32 message = keccak256(abi.encode(RELEASE, to, amount, nonceOf[owner]++));
        bytes32 domain = keccak256(
            abi.encode(DOMAIN, keccak256("Vault"), keccak256("1"), block.chainid, address(this))
        );
        address signer = ecrecover(keccak256(abi.encodePacked("\x19\x01", domain, message)), v, r, s);
        require(signer != address(0) && signer == owner, "not signed by the owner");
        balanceOf[owner] -= amount;
        (bool isPaid,) = to.call{value: amount}("");
        require(isPaid, "not taken");
    }
}
