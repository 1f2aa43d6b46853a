using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Catalog;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Edge.Fronts;

/// <summary>How a protocol tells which models there are.</summary>
internal interface IModelsForm
{
    /// <summary>Whether a request to a path that several protocols have is this one's.</summary>
    bool IsAskedBy(HttpRequest request);

    /// <summary>Writes a list of models under all of their names.</summary>
    /// <param name="request">Says which page of it.</param>
    void WriteModels(Utf8JsonWriter json, IReadOnlyList<(string Name, Model Model)> models, HttpRequest request);

    /// <summary>Writes one model.</summary>
    void WriteModel(Utf8JsonWriter json, string name, Model model);
}

/// <summary>Tells of the models that a channel serves at the moment and the key may use.</summary>
internal sealed class ModelsEndpoint(ICatalogSource catalog, Callers callers, TimeProvider time)
{
    public async Task ListAsync(HttpContext context, IFront front, IModelsForm form)
    {
        if (await callers.AuthenticateAsync(context, front, isRequest: false) is not (_, var key) || await FindCatalogAsync(context, front) is not { } snapshot)
        {
            return;
        }

        var models = new List<(string, Model)>();
        foreach (var model in snapshot.Models.Where(model => IsServed(snapshot, model) && IsAllowed(key, model)))
        {
            models.Add((model.Id, model));
            models.AddRange(model.Aliases.Select(alias => (alias, model)));
        }

        await JsonReply.WriteAsync(context, json => form.WriteModels(json, models, context.Request));
    }

    public async Task GetAsync(HttpContext context, IFront front, IModelsForm form)
    {
        if (await callers.AuthenticateAsync(context, front, isRequest: false) is not (_, var key) || await FindCatalogAsync(context, front) is not { } snapshot)
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

        await JsonReply.WriteAsync(context, json => form.WriteModel(json, name, model));
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
}
