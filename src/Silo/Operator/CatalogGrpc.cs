using Google.Protobuf;
using Grpc.Core;
using OrleansGateway.Operations;
using OrleansGateway.Operator.Contracts;

namespace OrleansGateway.Silo.Operator;

/// <summary>The service of the catalog.</summary>
internal sealed class CatalogGrpc(CatalogOperations catalogs) : CatalogService.CatalogServiceBase
{
    public override Task<CheckCatalogResponse> CheckCatalog(CheckCatalogRequest request, ServerCallContext context)
    {
        var result = catalogs.Check(context.Actor(), request.Text.Memory).OrThrow();
        return Task.FromResult(new CheckCatalogResponse
        {
            Errors = { result.Errors.Select(ProtoRows.ToProto) },
            Warnings = { result.Warnings.Select(ProtoRows.ToProto) },
            Models = result.Snapshot?.Models.Length ?? 0,
            Channels = result.Snapshot?.Channels.Length ?? 0,
            ChannelsOn = result.Snapshot?.Channels.Count(static channel => channel.IsOn) ?? 0,
        });
    }

    public override async Task<PublishCatalogResponse> ApplyCatalog(ApplyCatalogRequest request, ServerCallContext context) =>
        (await catalogs.ApplyAsync(context.Actor(), request.RequestId, request.Text.Memory, request.Source, context.CancellationToken))
        .OrThrow().ToProto();

    public override async Task<PublishCatalogResponse> ReloadCatalog(ReloadCatalogRequest request, ServerCallContext context) =>
        (await catalogs.ReloadAsync(context.Actor(), request.RequestId, context.CancellationToken)).OrThrow().ToProto();

    public override async Task<Catalog> GetCatalog(GetCatalogRequest request, ServerCallContext context)
    {
        var catalog = (await catalogs.GetAsync(context.Actor())).OrThrow();
        var answer = catalog.ToProto();
        if (request.IncludeText)
        {
            answer.Text = UnsafeByteOperations.UnsafeWrap(catalog.Text);
        }

        return answer;
    }

    public override async Task<ListModelsResponse> ListModels(ListModelsRequest request, ServerCallContext context) => new()
    {
        Models = { (await catalogs.ModelsAsync(context.Actor())).OrThrow().Models.Select(ProtoRows.ToProto) },
    };
}
