// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// Code for an account (EIP-7702): several calls in one transaction, for the account itself.
contract Batch {
    struct Call {
        address to;
        uint256 value;
        bytes data;
    }

    function execute(Call[] calldata calls) external payable {
        require(msg.sender == address(this), "only for the account itself");
        for (uint256 i = 0; i < calls.length; i++) {
            (bool isDone,) = calls[i].to.call{value: calls[i].value}(calls[i].data);
            require(isDone, "a call failed");
        }
    }

    receive() external payable {}
}
