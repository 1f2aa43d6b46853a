using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Catalog;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary><c>GET /v1/models</c> and <c>/v1/models/{id}</c>: the models that a channel serves at the moment and the key may use.</summary>
internal sealed class ModelsEndpoint(
    ICatalogSource catalog, SigningSecrets secrets, AccountClient accounts, ClientAddress clientAddress, TimeProvider time)
{
    public async Task ListAsync(HttpContext context, IFront front)
    {
        if (await AuthenticateAsync(context, front) is not { } key || await FindCatalogAsync(context, front) is not { } snapshot)
        {
            return;
        }

        await SendAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteString("object"u8, "list"u8);
            json.WriteStartArray("data"u8);
            foreach (var model in snapshot.Models.Where(model => IsServed(snapshot, model) && IsAllowed(key, model)))
            {
                Write(json, model.Id, model);
                foreach (var alias in model.Aliases)
                {
                    Write(json, alias, model);
                }
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    public async Task GetAsync(HttpContext context, IFront front)
    {
        if (await AuthenticateAsync(context, front) is not { } key || await FindCatalogAsync(context, front) is not { } snapshot)
        {
            return;
        }

        // A slash in a model's name may come escaped, which the server leaves as it is.
        var name = Uri.UnescapeDataString(context.Request.RouteValues["model"] as string ?? "");
        var model = snapshot.FindModel(name);
        if (model is null || !IsServed(snapshot, model))
        {
            await ErrorReply.WriteAsync(context, front, Refusals.ModelNotFound(name));
            return;
        }

        if (!IsAllowed(key, model))
        {
            await ErrorReply.WriteAsync(context, front, Refusals.ModelNotAllowed(model.Id));
            return;
        }

        await SendAsync(context, json => Write(json, name, model));
    }

    /// <summary>The key in force; null when the request was refused for its key.</summary>
    private async ValueTask<KeyAnswer?> AuthenticateAsync(HttpContext context, IFront front)
    {
        if (!KeyReader.TryRead(context.Request, secrets, out var key))
        {
            await ErrorReply.WriteAsync(context, front, Refusals.InvalidKey);
            return null;
        }

        var answer = await accounts.FindKeyAsync(key, clientAddress.Of(context));
        if (answer.Outcome == AdmitOutcome.Admitted)
        {
            return answer;
        }

        await ErrorReply.WriteAsync(context, front, Refusals.Of(answer));
        return null;
    }

    /// <summary>The catalog in force; null when the request was refused for there is none yet.</summary>
    private async ValueTask<CatalogSnapshot?> FindCatalogAsync(HttpContext context, IFront front)
    {
        var current = catalog.Current;
        if (current is null)
        {
            await ErrorReply.WriteAsync(context, front, Refusals.NoCatalog);
        }

        return current;
    }

    private static bool IsAllowed(KeyAnswer key, Model model) => key.Models.IsEmpty || key.Models.Contains(model.Id, StringComparer.Ordinal);

    private bool IsServed(CatalogSnapshot snapshot, Model model) =>
        !snapshot.RoutesTo(model).IsEmpty && snapshot.PriceFor(model, time.GetUtcNow()) is not null;

    private static void Write(Utf8JsonWriter json, string name, Model model)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, name);
        json.WriteString("object"u8, "model"u8);
        json.WriteNumber("created"u8, model.Created);
        json.WriteString("owned_by"u8, model.OwnedBy);
        json.WriteEndObject();
    }

    private static async Task SendAsync(HttpContext context, Action<Utf8JsonWriter> write)
    {
        using var body = new PooledBytes();
        await using (var json = new Utf8JsonWriter(body))
        {
            write(json);
        }

        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        await context.Response.BodyWriter.WriteAsync(body.Memory);
    }
}
