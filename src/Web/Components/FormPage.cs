using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using OrleansGateway.Web.Accounts;

namespace OrleansGateway.Web.Components;

/// <summary>A page with a form: what is wrong, by field.</summary>
public abstract class FormPage : ComponentBase
{
    [CascadingParameter]
    public HttpContext Http { get; set; } = null!;

    [Inject]
    public NavigationManager Navigation { get; set; } = null!;

    private protected Dictionary<string, string> Problems { get; } = [];

    private protected string? Problem(string field) => Problems.GetValueOrDefault(field);

    /// <summary>Notes a problem where a rule does not hold; of one field the first is told.</summary>
    private protected void Check(bool holds, string field, string problem)
    {
        if (!holds)
        {
            Problems.TryAdd(field, problem);
        }
    }

    /// <summary>Notes a problem where it is not their password: whoever finds an open session does not know it.</summary>
    private protected async Task CheckPasswordAsync(UserManager<Person> users, Person person, string? password, string field) =>
        Check(password?.Length is > 0 and <= 200 && await users.CheckPasswordAsync(person, password), field, Texts.CurrentWrong);

    /// <summary>Says to machines that what was sent was not taken.</summary>
    private protected bool IsTaken()
    {
        if (Problems.Count > 0)
        {
            Http.Response.StatusCode = StatusCodes.Status422UnprocessableEntity;
        }

        return Problems.Count == 0;
    }
}
