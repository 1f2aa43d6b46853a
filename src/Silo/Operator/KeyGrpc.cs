using Grpc.Core;
using OrleansGateway.Operations;
using OrleansGateway.Operator.Contracts;
using static OrleansGateway.Silo.Operator.ProtoValues;
using KeyStatus = OrleansGateway.Grains.Contracts.Accounts.KeyStatus;
using ProtoKey = OrleansGateway.Operator.Contracts.Key;

namespace OrleansGateway.Silo.Operator;

/// <summary>Keys as their rows stand, which takes the database alone.</summary>
internal class StoredKeyGrpc(ReportOperations reports) : KeyService.KeyServiceBase
{
    public sealed override async Task<ListKeysResponse> ListKeys(ListKeysRequest request, ServerCallContext context)
    {
        var page = (await reports.KeysAsync(
            context.Actor(), request.AccountId, Page(request.PageSize, request.PageToken), context.CancellationToken)).OrThrow();
        return new ListKeysResponse { Keys = { page.Rows.Select(key => key.ToProto()) }, NextPageToken = page.NextToken };
    }
}

/// <summary>The service of keys.</summary>
internal sealed class KeyGrpc(KeyOperations keys, ReportOperations reports) : StoredKeyGrpc(reports)
{
    public override async Task<CreateKeyResponse> CreateKey(CreateKeyRequest request, ServerCallContext context)
    {
        var created = (await keys.CreateAsync(
            context.Actor(), request.RequestId, request.AccountId, Read(request.Settings, "settings"), context.CancellationToken)).OrThrow();
        return new CreateKeyResponse { Key = created.Key.ToProto(), Secret = created.Secret ?? "" };
    }

    public override async Task<ProtoKey> UpdateKey(UpdateKeyRequest request, ServerCallContext context) =>
        (await keys.UpdateAsync(
            context.Actor(),
            request.RequestId,
            request.AccountId,
            request.KeyId,
            Read(request.Settings, "settings"),
            request.UpdateMask?.Paths ?? [],
            context.CancellationToken)).OrThrow().ToProto();

    public override async Task<ProtoKey> SetKeyStatus(SetKeyStatusRequest request, ServerCallContext context) =>
        (await keys.SetStatusAsync(
            context.Actor(), request.RequestId, request.AccountId, request.KeyId, Read<KeyStatus>(request.Status, "status"), context.CancellationToken))
        .OrThrow().ToProto();
}
