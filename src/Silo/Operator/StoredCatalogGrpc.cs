using Google.Protobuf;
using Grpc.Core;
using Npgsql;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Operations;
using OrleansGateway.Operator.Contracts;
using OrleansGateway.Silo.Storage;

namespace OrleansGateway.Silo.Operator;

/// <summary>The catalog as its grain stored it, which takes the database alone, and as the environment of this process reads it.</summary>
internal sealed class StoredCatalogGrpc(NpgsqlDataSource database, TimeProvider time) : CatalogService.CatalogServiceBase
{
    public override async Task<Catalog> GetCatalog(GetCatalogRequest request, ServerCallContext context)
    {
        var published = await StoredCatalog.ReadAsync(database, context.CancellationToken) ?? throw RichStatus.Of(Failure.NoCatalog);
        var answer = CatalogInForce.Of(published, Parse(published)).ToProto();
        answer.Text = request.IncludeText ? UnsafeByteOperations.UnsafeWrap(published.Document.Utf8.AsMemory()) : ByteString.Empty;
        return answer;
    }

    public override async Task<ListModelsResponse> ListModels(ListModelsRequest request, ServerCallContext context)
    {
        var published = await StoredCatalog.ReadAsync(database, context.CancellationToken);
        IReadOnlyList<CallableModel> models = published is null ? [] : CallableModel.Of(Parse(published));
        return new ListModelsResponse { Models = { models.Select(ProtoRows.ToProto) } };
    }

    private CatalogResult Parse(PublishedCatalog published) =>
        CatalogFile.Parse(published.Document.Utf8.AsMemory(), Environment.GetEnvironmentVariable, time.GetUtcNow());
}
